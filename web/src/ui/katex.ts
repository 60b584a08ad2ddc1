/** KaTeX with its style and fonts, as a piece of its own. */
import 'katex/dist/katex.min.css'

export { default as katex } from 'katex'
