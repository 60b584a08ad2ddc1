// The rules of this house that no general linter knows: words come from the
// catalogue, colours from the tokens, and features do not reach into each other.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

const src = new URL('../src', import.meta.url).pathname
const problems = []

function* files(dir) {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    if (statSync(path).isDirectory()) yield* files(path)
    else if (/\.tsx?$/.test(name) && !name.endsWith('.test.ts') && !name.endsWith('.test.tsx') && name !== 'schema.d.ts') yield path
  }
}

// Attributes that a person reads or hears.
const spoken = new Set(['aria-label', 'aria-description', 'title', 'placeholder', 'alt', 'label'])
const letters = /\p{L}{2,}/u
// An example of an address is the same in every language.
const allowed = /^https?:\/\//

function literalsIn(path) {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX)
  const report = (node, text) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart())
    problems.push(`${relative(process.cwd(), path)}:${line + 1} words outside of the catalogue: ${JSON.stringify(text.trim().slice(0, 60))}`)
  }
  const literal = (node) => (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) ? node.text : null)
  const visit = (node) => {
    if (ts.isJsxText(node) && letters.test(node.text)) report(node, node.text)
    if (ts.isJsxAttribute(node) && spoken.has(node.name.getText()) && node.initializer) {
      const value = ts.isJsxExpression(node.initializer) ? node.initializer.expression : node.initializer
      const text = value && literal(value)
      if (text && letters.test(text) && !allowed.test(text)) report(node, text)
    }
    if (ts.isJsxExpression(node) && node.expression && (ts.isJsxElement(node.parent) || ts.isJsxFragment(node.parent))) {
      const text = literal(node.expression)
      if (text && letters.test(text)) report(node, text)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
}

// Floors, lowest first; a file may use its own floor (features: its own folder) and those below.
const floors = { i18n: 0, model: 1, api: 0, ui: 2, live: 2, features: 3, app: 4, sw: 4 }

function importsOf(path, text) {
  const [floor, feature] = relative(src, path).split('/')
  if (!(floor in floors)) return
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*'(@\/[^']+|\.\.?\/[^']+)'/g)) {
    const full = target.startsWith('@/') ? target.slice(2) : relative(src, join(path, '..', target))
    const [other, otherFeature] = full.split('/')
    if (!(other in floors) || other === floor) {
      if (other === 'features' && otherFeature !== feature) problems.push(`${relative(process.cwd(), path)}: a feature imports another (${full})`)
      continue
    }
    if (floors[other] > floors[floor]) problems.push(`${relative(process.cwd(), path)}: ${floor} imports ${other} above it (${full})`)
  }
}

const used = new Set()
const catalogue = readFileSync(join(src, 'i18n/en.ts'), 'utf8')
const known = [...catalogue.matchAll(/^ {2}'([^']+)':/gm)].map((m) => m[1])

for (const path of files(src)) {
  const text = readFileSync(path, 'utf8')
  if (path.endsWith('.tsx')) literalsIn(path)
  importsOf(path, text)
  if (!path.includes('/i18n/')) {
    if (path.endsWith('.tsx') && /#[0-9a-fA-F]{3,8}\b(?!['"]?\s*:)|\b(?:rgb|hsl|oklch)\(/.test(text.replaceAll(/\.#\w+|'#\w+[^0-9a-fA-F']/g, ''))) problems.push(`${relative(process.cwd(), path)}: a colour that is no token`)
    for (const [, key] of text.matchAll(/['`"]([a-zA-Z]+\.[a-zA-Z0-9.]+)['`"]/g)) used.add(key)
    for (const [, stem] of text.matchAll(/`([a-zA-Z]+)\.\$\{/g)) for (const key of known) if (key.startsWith(`${stem}.`)) used.add(key)
  }
}
for (const key of known) if (!used.has(key) && !used.has(key.replace(/\.(one|other)$/, ''))) problems.push(`i18n/en.ts: nobody says ${key}`)

const chinese = readFileSync(join(src, 'i18n/zh-CN.ts'), 'utf8')
const translated = new Map([...chinese.matchAll(/^ {2}'([^']+)': (.*),$/gm)].map((m) => [m[1], m[2]]))
const holes = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort().join()
for (const [, key, text] of catalogue.matchAll(/^ {2}'([^']+)': (.*),$/gm)) {
  const other = translated.get(key)
  if (other === undefined) problems.push(`i18n/zh-CN.ts: ${key} is missing`)
  else if (holes(other) !== holes(text) && !key.endsWith('.one')) problems.push(`i18n/zh-CN.ts: ${key} has other parameters`)
}

for (const p of problems) console.error(p)
if (problems.length > 0) {
  console.error(`${problems.length} problems`)
  process.exit(1)
}
