/** The sessions of a working day, told by session processes to a real hub. */
import type { Agent, Hub } from './world'

export interface Scene {
  login: Agent
  cache: Agent
  database: Agent
  parser: Agent
}

const minute = 60_000

export async function scene(hub: Hub): Promise<Scene> {
  const now = Date.now()
  await hub.machine('machine-studio', 'studio')
  await hub.machine('machine-pi', 'pi', ['claude', 'opencode'])

  const spam = await hub.agent({ path: '/Users/ada/src/site', name: 'Contact form spam', host: 'pi', machineId: 'machine-pi', metadata: { claudeSessionId: 'c-1' } })
  spam.user('why does the contact form get so much spam?', now - 2 * 86_400_000)
  spam.say('The form has no honeypot. I added one and a rate limit.', now - 2 * 86_400_000 + minute)
  const slow = await hub.agent({ path: '/Users/ada/src/app', name: 'Why is start-up slow?', machineId: 'machine-studio', metadata: { claudeSessionId: 'c-2' } })
  slow.user('why is start-up slow?', now - 3 * 3_600_000)
  slow.say('Most of it was one synchronous read of the cache. It is lazy now.', now - 3 * 3_600_000 + minute)
  const cache = await hub.agent({ path: '/Users/ada/src/app', name: 'Refactor the cache', flavor: 'gemini', machineId: 'machine-studio', metadata: { geminiSessionId: 'g-1', capabilities: { conversationHistory: { forkCurrent: true } }, worktree: { basePath: '/Users/ada/src/app', branch: 'fix-cache', name: 'fix-cache' } } })
  cache.user('refactor the cache in its own worktree', now - 2 * 3_600_000)
  tellCache(cache, now - 2 * 3_600_000)
  const notes = await hub.agent({ path: '/Users/ada/src/app', name: 'Release notes for 2.4', machineId: 'machine-studio', metadata: { claudeSessionId: 'c-3' } })
  notes.user('write the release notes', now - 3_600_000)
  notes.say('The notes are in `CHANGELOG.md`.', now - 3_600_000 + minute)
  for (const a of [spam, slow]) {
    await a.flushed()
    a.end()
  }

  const parser = await hub.agent({ path: '/Users/ada/src/parser', name: 'Port the parser to Go', flavor: 'opencode', machineId: 'machine-studio' })
  parser.user('port the parser to Go, keep the tests green')
  parser.call('TodoWrite', { todos: ['read the grammar', 'port the tokens', 'port the lexer', 'port the parser', 'fuzz it', 'compare speed', 'write the README'].map((content, i) => ({ content, status: i < 2 ? 'completed' : i === 2 ? 'in_progress' : 'pending' })) })
  parser.think(true)

  const database = await hub.agent({ path: '/Users/ada/src/ledger', name: 'Pick a database library', flavor: 'codex', machineId: 'machine-studio' })
  database.user('add storage, small and without cgo')
  database.codex({ type: 'message', message: 'Two drivers fit. I need to know which one you prefer.' })
  await database.request(
    'question-1',
    'AskUserQuestion',
    {
      questions: [
        { header: 'Driver', question: 'Which driver?', multiSelect: false, options: [{ label: 'modernc.org/sqlite', description: 'No cgo, cross-compiles everywhere' }, { label: 'mattn/go-sqlite3', description: 'Fastest, needs a C compiler' }] },
        { header: 'Extras', question: 'What else should it have?', multiSelect: true, options: [{ label: 'Migrations' }, { label: 'Backups' }, { label: 'Metrics' }] },
      ],
    },
    now - 4 * minute,
  )

  const login = await hub.agent({ path: '/Users/ada/src/app', name: 'Fix login redirect', machineId: 'machine-studio' })
  tellLogin(login, now)
  showProject(login)
  await login.request('req-migrate', 'Bash', { command: 'npm run migrate', description: 'Apply the migration' }, now - 41_000)
  login.think(true)
  for (const a of [cache, notes, parser, database, login]) await a.flushed()
  parser.call('Edit', { file_path: '/Users/ada/src/parser/lexer.go', old_string: 'a', new_string: 'b' })
  await parser.flushed()
  return { login, cache, database, parser }
}

/** 120 by 80 pixels of a sunset. */
export const sunset =
  'iVBORw0KGgoAAAANSUhEUgAAAHgAAABQCAIAAABd+SbeAAABkUlEQVR42u3CWUoWAACF0bucCJGICJEICQmJkIgI+QiRiIgICYkoMzM1NYc/UzMzp8ycMjMzZ03N1GW5i/t0D0dnOElDneU4DVXEURqqmP9pqHMcpqHO8y8NdYGDNNRF9tNQJeyloUr5m4a6xG4a6jI7aagyttNQV9hKQ5WzmYa6ykYaqoL1NNQ11tJQ11lNQ1XyJw11g5U01E1+p6FusZyGus2vNFQVS2ko+JmGusNiGqqaH2moGhbSUHf5noa6x3wa6j5zaagHzKahHjKThnrEdBqqlm9pqMdMpaHq+JqGesJkGuopX9JQz5hIQ9UznoZqYCwN1choGqqJkTRUM5/TUK0Mp6Ha+JSG6mAoDdXJxzRUN4NpqAIf0lC9DKSh+uhPQw3Ql4Ya5H0aaojeNNQw79JQIxTSUGP0pKEm6E5DTdKVhpqiMw01zds01Cwdaah52tNQC7SloRZ5k4ZaojUNtUxLGmqF5jTUKq/TUOs0paE2eZWG2qYxDbXLyzTUHg1pqANepKEOqU9DHfE8DU8BN9UjawSaVJQAAAAASUVORK5CYII='

/** What agents show besides text: subagents, formulas, diagrams, pictures. */
function tellCache(a: Agent, from: number) {
  const at = (s: number) => from + s * 1000
  const task = a.call('Task', { description: 'count who calls the cache', prompt: 'Count the callers of cache.get.' }, 'task-1', at(10))
  a.output({ type: 'assistant', parentToolUseId: task, message: { role: 'assistant', content: [{ type: 'tool_use', id: 'inner-1', name: 'Grep', input: { pattern: 'cache.get(' } }] } }, at(12))
  a.result(task, 'Seven callers, all of them in `web/`.', at(30))
  a.tool('Read', { file_path: '/Users/ada/src/app/docs/before.png' }, [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: sunset } }], at(34))
  a.say('A request takes the cache first; what it costs is\n\n$$t = p_{hit} \\, t_{cache} + (1 - p_{hit}) \\, t_{db}$$\n\n```mermaid\nflowchart LR\n  Request --> Cache\n  Cache -- hit --> Answer\n  Cache -- miss --> Database --> Answer\n```', at(40))
  a.user('and do all tests pass?', at(60))
  a.say('Done. All tests pass.', at(70))
}

/** The conversation that the pictures show. */
export function tellLogin(a: Agent, now: number) {
  const at = (s: number) => now - 300_000 + s * 1000
  a.user('why is the redirect lost after login?', at(0))
  a.think_('The redirect target comes from the query string. It is probably dropped when the session is created.', at(2))
  a.say('The login page forgets where you came from. Let me look at the flow.', at(3))
  a.call('TodoWrite', { todos: [{ content: 'read the flow', status: 'completed' }, { content: 'keep the target', status: 'completed' }, { content: 'run the migration', status: 'in_progress' }, { content: 'check the login flow', status: 'pending' }] }, 'todo-1', at(4))
  a.result('todo-1', 'Todos have been modified', at(4.2))
  a.tool('Bash', { command: 'npm test -- auth', description: 'Run the auth tests' }, '\u001b[32m✓\u001b[39m session keeps its user \u001b[2m(12 ms)\u001b[22m\n\u001b[31m✗\u001b[39m redirect goes back to the page\n\n  expected \u001b[32m"/orders"\u001b[39m, got \u001b[31m"/"\u001b[39m\n\nTests: \u001b[31m1 failed\u001b[39m, \u001b[32m1 passed\u001b[39m', at(8), 3200, { isError: false })
  a.user('run the migration, then check the login flow', at(60))
  a.say("I'll look at how the redirect is built before touching the schema.", at(62))
  a.tool('Read', { file_path: '/Users/ada/src/app/auth/session.ts' }, '1→export function …', at(63))
  a.tool('Read', { file_path: '/Users/ada/src/app/auth/login.ts' }, '1→import …', at(63.6))
  a.tool('Read', { file_path: '/Users/ada/src/app/auth/routes.ts' }, '1→import …', at(64))
  a.tool('Grep', { pattern: 'redirect(' }, 'auth/session.ts:41', at(64.7))
  a.tool('Edit', { file_path: '/Users/ada/src/app/auth/session.ts', old_string: 'return redirect("/")', new_string: 'return redirect(next ?? "/")' }, 'ok', at(70), 300, {
    toolUseResult: {
      filePath: '/Users/ada/src/app/auth/session.ts',
      structuredPatch: [{ oldStart: 40, oldLines: 3, newStart: 40, newLines: 3, lines: [' const next = q.get("next")', '-return redirect("/")', '+return redirect(next ?? "/")', ' }'] }],
    },
  })
  a.tool('Edit', { file_path: '/Users/ada/src/app/auth/login.ts', old_string: 'const to = "/login"', new_string: 'const to = "/login?next=" + encodeURIComponent(here)' }, 'ok', at(74), 300, {
    toolUseResult: {
      filePath: '/Users/ada/src/app/auth/login.ts',
      structuredPatch: [{ oldStart: 12, oldLines: 3, newStart: 12, newLines: 3, lines: [' export function login(here: string) {', '-  const to = "/login"', '+  const to = "/login?next=" + encodeURIComponent(here)', '   return redirect(to)'] }],
    },
  })
  a.say('The target was dropped: `next` is kept now. The migration is next.', at(80))
  a.call('Bash', { command: 'npm run migrate', description: 'Apply the migration' }, 'req-migrate', at(259))
}

const sessionDiff = `diff --git a/auth/session.ts b/auth/session.ts
index 1..2 100644
--- a/auth/session.ts
+++ b/auth/session.ts
@@ -38,6 +38,9 @@ import { isLocal } from "./urls"
 export function redirectAfterLogin(q) {
   // where did they come from?
   const next = q.get("next")
-  return redirect("/")
+  if (next && isLocal(next)) {
+    return redirect(next)
+  }
+  return redirect("/")
 }
@@ -57,5 +60,5 @@ export function signOut() {
   session.clear()
-  return redirect("/login")
+  return redirect("/login?bye")
 }
`

/** The files and the git of a project, as a session process answers for them. */
export function showProject(a: Agent) {
  const ok = (stdout: string) => ({ success: true, stdout, stderr: '', exitCode: 0 })
  a.handle('git-status', () => ok('# branch.oid 1\n# branch.head main\n# branch.ab +1 -0\n1 M. N... 100644 100644 100644 1 2 auth/session.ts\n1 .M N... 100644 100644 100644 1 2 auth/login.ts\n? scripts/migrate.sql\n'))
  a.handle('git-diff-numstat', (p) => ok(p.staged ? '4\t2\tauth/session.ts\n' : '1\t1\tauth/login.ts\n'))
  a.handle('git-diff-file', () => ok(sessionDiff))
  a.handle('listDirectory', (p) => ({ success: true, entries: p.path ? [{ name: 'session.ts', type: 'file', size: 2310 }, { name: 'login.ts', type: 'file', size: 1204 }] : [{ name: 'auth', type: 'directory' }, { name: 'scripts', type: 'directory' }, { name: 'package.json', type: 'file', size: 812 }, { name: 'README.md', type: 'file', size: 4012 }] }))
  a.handle('readFile', () => ({ success: true, content: Buffer.from('import { isLocal } from "./urls"\n\n/** Back to where the person came from. */\nexport function redirectAfterLogin(q: URLSearchParams) {\n  const next = q.get("next")\n  if (next && isLocal(next)) {\n    return redirect(next, 302)\n  }\n  return redirect("/")\n}\n').toString('base64'), size: 240, modified: 0 }))
  a.handle('ripgrep', () => ({ success: true, exitCode: 0, stdout: 'auth/session.ts\nauth/login.ts\n', stderr: '' }))
  a.handle('statFiles', () => ({ success: true, entries: [] }))
}
