import './styles/index.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { update } from './app/update'
import { startLanguage } from './i18n'

const root = document.getElementById('root')
if (root) {
  void startLanguage().then(() => {
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    )
  })
  void update.start()
}
