import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

/** The service worker is an entry of its own with a fixed name; it learns the files of the shell here. */
function shellList(): Plugin {
  return {
    name: 'shell-list',
    generateBundle(_options, bundle) {
      const worker = Object.values(bundle).find((file) => file.fileName === 'sw.js')
      if (!worker || worker.type !== 'chunk') return
      const first = Object.values(bundle).find((file) => file.type === 'chunk' && file.isEntry && file.fileName !== 'sw.js')
      if (!first || first.type !== 'chunk') return
      const shell = ['/', '/manifest.webmanifest', '/icon.svg', `/${first.fileName}`, ...first.imports.map((name) => `/${name}`)]
      for (const file of Object.values(bundle)) if (file.type === 'asset' && file.fileName.endsWith('.css') && file.fileName.includes('index')) shell.push(`/${file.fileName}`)
      const build = [...shell].sort().join('|')
      let hash = 0
      for (const c of Object.keys(bundle).sort().join('|') + build) hash = (Math.imul(hash, 31) + c.charCodeAt(0)) | 0
      worker.code = worker.code.replace('"__SHELL__"', JSON.stringify(shell)).replace('__BUILD__', (hash >>> 0).toString(36))
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
