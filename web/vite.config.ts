import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

// What a person needs without a network: the list, a conversation, their language.
const offline = ['ChatPage', 'zh-CN']

/** The service worker is an entry of its own with a fixed name; it learns the files of the shell here. */
function shellList(): Plugin {
  return {
    name: 'shell-list',
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk')
      const worker = chunks.find((chunk) => chunk.fileName === 'sw.js')
      const first = chunks.find((chunk) => chunk.isEntry && chunk !== worker)
      if (!worker || !first) throw new Error('the build has no service worker, or nothing else')
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
      const build = createHash('sha256').update(Object.keys(bundle).toSorted().join()).digest('hex').slice(0, 12)
      const code = worker.code.replace(/(["'`])__SHELL__\1/, () => JSON.stringify(shell)).replace('__BUILD__', build)
      if (code.includes('__SHELL__') || code.includes('__BUILD__') || code.length < worker.code.length + shell.length) throw new Error('the service worker did not learn its shell')
      worker.code = code
    },
  }
}

export default defineConfig({
  plugins: [react(), tailwindcss(), shellList()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    outDir: '../internal/hub/webui/dist',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { index: 'index.html', sw: 'src/sw/sw.ts' },
      output: { entryFileNames: (chunk) => (chunk.name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js') },
    },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:3006', '/health': 'http://127.0.0.1:3006', '/socket.io': { target: 'http://127.0.0.1:3006', ws: true } } },
})
