/** Colours for code. The grammars are fetched when the first code block is seen. */
import { useEffect, useState } from 'react'

interface Leaf {
  text: string
  className: string
}

type Highlighter = (code: string, language: string) => Leaf[] | null

let ready: Highlighter | null = null
let loading: Promise<Highlighter> | null = null

async function load(): Promise<Highlighter> {
  const { common, createLowlight } = await import('lowlight')
  const low = createLowlight(common)
  return (code, language) => {
    if (!low.registered(language)) return null
    const out: Leaf[] = []
    type Node = { type: string; value?: string; properties?: { className?: unknown }; children?: Node[] }
    const walk = (nodes: Node[], className: string) => {
      for (const n of nodes) {
        if (n.type === 'text') out.push({ text: n.value ?? '', className })
        else walk(n.children ?? [], Array.isArray(n.properties?.className) ? n.properties.className.join(' ') : className)
      }
    }
    walk(low.highlight(language, code).children as Node[], '')
    return out
  }
}

const longest = 60_000

export function useHighlight(code: string, language: string | null): Leaf[] | null {
  const [, arrived] = useState(0)
  const wanted = language !== null && code.length < longest
  useEffect(() => {
    if (!wanted || ready) return
    let here = true
    loading ??= load()
    void loading.then((h) => {
      ready = h
      if (here) arrived((n) => n + 1)
    })
    return () => {
      here = false
    }
  }, [wanted])
  return wanted && ready ? ready(code, language) : null
}

const byExtension: Record<string, string> = {
  ts: 'typescript',
  tsx: 'typescript',
  mts: 'typescript',
  js: 'javascript',
  jsx: 'javascript',
  mjs: 'javascript',
  cjs: 'javascript',
  py: 'python',
  go: 'go',
  mod: 'go',
  rs: 'rust',
  rb: 'ruby',
  java: 'java',
  kt: 'kotlin',
  swift: 'swift',
  c: 'c',
  h: 'c',
  cc: 'cpp',
  cpp: 'cpp',
  hpp: 'cpp',
  cs: 'csharp',
  php: 'php',
  lua: 'lua',
  sh: 'bash',
  bash: 'bash',
  zsh: 'bash',
  json: 'json',
  yaml: 'yaml',
  yml: 'yaml',
  toml: 'ini',
  ini: 'ini',
  xml: 'xml',
  html: 'xml',
  svg: 'xml',
  vue: 'xml',
  css: 'css',
  scss: 'scss',
  less: 'less',
  sql: 'sql',
  md: 'markdown',
  diff: 'diff',
  patch: 'diff',
  r: 'r',
  pl: 'perl',
  graphql: 'graphql',
  mk: 'makefile',
  makefile: 'makefile',
}

export function languageOf(path: string): string | null {
  const name = path.split(/[\\/]/).at(-1)?.toLowerCase() ?? ''
  return byExtension[name] ?? byExtension[name.split('.').at(-1) ?? ''] ?? null
}
