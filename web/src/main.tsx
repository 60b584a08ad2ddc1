import './styles/index.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/App'
import { install } from './app/install'
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
  install.start()
  void update.start()
}
