import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { build, defineConfig, type Plugin } from 'vite'

const alias = { '@': fileURLToPath(new URL('./src', import.meta.url)) }
const target = 'es2022'

// What a person needs without a network: the list, a conversation, their language.
const offline = ['ChatPage', 'zh-CN']

/**
 * The service worker: one plain script with a fixed name, since not every
 * browser takes modules there. It learns the files of the shell here.
 */
function serviceWorker(): Plugin {
  return {
    name: 'service-worker',
    apply: 'build',
    async generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk')
      const first = chunks.find((chunk) => chunk.isEntry)
      if (!first) throw new Error('the build has no entry')
      const names = new Set<string>()
      const add = (name: string) => {
        const chunk = chunks.find((c) => c.fileName === name)
        if (!chunk || names.has(name)) return
        names.add(name)
        for (const next of chunk.imports) add(next)
      }
      for (const chunk of [first, ...chunks.filter((c) => offline.includes(c.name))]) add(chunk.fileName)
      const styles = Object.keys(bundle).filter((name) => /index-.*\.css$/.test(name))
      const shell = ['/', '/manifest.webmanifest', '/icon.svg', '/icon-192.png', ...[...names, ...styles].map((name) => `/${name}`)]
      const name = createHash('sha256').update(Object.keys(bundle).toSorted().join()).digest('hex').slice(0, 12)
      const made = await build({
        configFile: false,
        publicDir: false,
        logLevel: 'warn',
        resolve: { alias },
        build: { write: false, target, rollupOptions: { input: 'src/sw/sw.ts', output: { format: 'iife' } } },
      })
      const worker = 'output' in made ? made.output[0].code : ''
      const code = worker.replace(/(["'`])__SHELL__\1/, () => JSON.stringify(shell)).replace('__BUILD__', name)
      if (code.includes('__SHELL__') || code.includes('__BUILD__') || code.length < worker.length + shell.length) throw new Error('the service worker did not learn its shell')
      this.emitFile({ type: 'asset', fileName: 'sw.js', source: code })
    },
  }
}

/** KaTeX brings each font three times; every browser we know reads the smallest. */
function smallestFonts(): Plugin {
  return {
    name: 'smallest-fonts',
    enforce: 'pre',
    transform: (code, id) => (/katex.*\.css$/.test(id) ? code.replaceAll(/,\s*url\([^)]+\.(?:woff|ttf)\)\s*format\("[^"]+"\)/g, '') : null),
  }
}

export default defineConfig({
  plugins: [react(), tailwindcss(), serviceWorker(), smallestFonts()],
  resolve: { alias },
  build: {
    outDir: '../internal/hub/webui/dist',
    emptyOutDir: true,
    target,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700, // Mermaid's largest, which only a diagram fetches
  },
  server: { proxy: { '/api': 'http://127.0.0.1:3006', '/health': 'http://127.0.0.1:3006', '/socket.io': { target: 'http://127.0.0.1:3006', ws: true } } },
})
