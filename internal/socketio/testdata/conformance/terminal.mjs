// Uses a hub's terminals with the official client:
// node terminal.mjs <url> <session token> <session id>. The session's shells echo.
import assert from 'node:assert/strict'
import { io } from 'socket.io-client'

const [url, token, sessionId] = process.argv.slice(2)

function connect(auth) {
  return io(url + '/terminal', { auth, path: '/socket.io/', transports: ['polling', 'websocket'], reconnectionDelay: 20, reconnectionDelayMax: 50 })
}

function next(emitter, event) {
  return new Promise((resolve) => emitter.once(event, (...args) => resolve(args[0])))
}

const stranger = connect({ token: 'bad' })
assert.equal((await next(stranger, 'connect_error')).message, 'Invalid token')
const nobody = connect({})
assert.equal((await next(nobody, 'connect_error')).message, 'Missing token')

const first = connect({ token })
await next(first, 'connect')
const ready = next(first, 'terminal:ready')
first.emit('terminal:create', { sessionId, terminalId: 'official', cols: 80, rows: 24 })
assert.deepEqual(await ready, { sessionId, terminalId: 'official' })
const output = next(first, 'terminal:output')
first.emit('terminal:write', { terminalId: 'official', data: 'ü€😀' })
assert.deepEqual(await output, { sessionId, terminalId: 'official', data: 'echo ü€😀' })
first.disconnect()

const second = connect({ token })
await next(second, 'connect')
const replay = next(second, 'terminal:output')
second.emit('terminal:create', { sessionId, terminalId: 'official', cols: 80, rows: 24 })
assert.deepEqual(await replay, { terminalId: 'official', data: 'echo ü€😀' })
const exit = next(second, 'terminal:exit')
second.emit('terminal:write', { terminalId: 'official', data: 'exit\n' })
assert.deepEqual(await exit, { sessionId, terminalId: 'official', code: 3, signal: null })

const failed = next(second, 'terminal:error')
second.emit('terminal:create', { sessionId: 'nope', terminalId: 'other', cols: 80, rows: 24 })
assert.deepEqual(await failed, { terminalId: 'other', message: 'Session is inactive or unavailable.' })
process.exit(0)
