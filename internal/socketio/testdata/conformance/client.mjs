// Drives the server under test with the official client. One scenario per run:
// node client.mjs <url> <scenario>. Exits 0 when all its checks hold.
import assert from 'node:assert/strict'
import { io } from 'socket.io-client'

const [url, scenario] = process.argv.slice(2)
const sockets = []

function connect(options = {}, namespace = '/cli') {
  const socket = io(url + namespace, {
    transports: ['websocket'], auth: { token: 'good' }, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options,
  })
  sockets.push(socket)
  return socket
}

function next(emitter, event) {
  return new Promise((resolve) => emitter.once(event, (...args) => resolve(args)))
}

async function connected(options, namespace) {
  const socket = connect(options, namespace)
  await next(socket, 'connect')
  return socket
}

async function exchange(socket) {
  assert.deepEqual(await socket.emitWithAck('echo', 1, 'ü\u001e\u2028\n', { a: [null, true] }), [1, 'ü\u001e\u2028\n', { a: [null, true] }])
  socket.on('question', (n, answer) => answer({ doubled: n * 2 }))
  assert.deepEqual(await socket.emitWithAck('ask', 21), { doubled: 42 })
  for (let i = 0; i < 500; i++) socket.emit('count', i)
  assert.deepEqual(await socket.emitWithAck('counted'), { count: 500, ordered: true })
  const flood = new Promise((resolve) => {
    const got = []
    socket.on('flood', (i) => { got.push(i); if (i === 999) resolve(got) })
  })
  socket.emit('flood', 1000)
  assert.deepEqual(await flood, Array.from({ length: 1000 }, (_, i) => i))
}

const scenarios = {
  async websocket() {
    const socket = await connected()
    assert.equal(socket.io.engine.transport.name, 'websocket')
    await exchange(socket)
  },
  async polling() {
    const socket = await connected({ transports: ['polling'] })
    await exchange(socket)
    assert.equal(socket.io.engine.transport.name, 'polling')
  },
  async upgrade() {
    const socket = connect({ transports: ['polling', 'websocket'] })
    const upgraded = new Promise((resolve) => socket.io.on('open', () => socket.io.engine.once('upgrade', resolve)))
    await next(socket, 'connect')
    await exchange(socket)
    await upgraded
    assert.equal(socket.io.engine.transport.name, 'websocket')
    assert.deepEqual(await socket.emitWithAck('echo', 'after'), ['after'])
  },
  async upgradeUnderLoad() {
    const socket = connect({ transports: ['polling', 'websocket'] })
    const got = []
    const all = new Promise((resolve) => socket.on('flood', (i) => { got.push(i); if (i === 4999) resolve() }))
    await next(socket, 'connect')
    socket.emit('flood', 5000)
    for (let i = 0; i < 2000; i++) {
      socket.emit('count', i)
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(await socket.emitWithAck('counted'), { count: 2000, ordered: true })
    await all
    assert.deepEqual(got, Array.from({ length: 5000 }, (_, i) => i))
  },
  async reconnect() {
    const socket = await connected()
    const first = socket.id
    socket.emit('drop')
    await next(socket, 'disconnect')
    socket.emit('count', 0) // buffered by the client, flushed on reconnect
    await next(socket, 'connect')
    assert.notEqual(socket.id, first)
    assert.deepEqual(await socket.emitWithAck('counted'), { count: 1, ordered: true })
  },
  async badNamespace() {
    const socket = connect({}, '/nowhere')
    const [error] = await next(socket, 'connect_error')
    assert.equal(error.message, 'Invalid namespace')
  },
  async badAuth() {
    const socket = connect({ auth: { token: 'bad' } })
    const [error] = await next(socket, 'connect_error')
    assert.equal(error.message, 'Invalid token')
    assert.deepEqual(error.data, { hint: 'log in' })
    assert.equal(socket.active, false)
  },
  async transientRefusal() {
    const socket = connect({ auth: { token: 'later' } })
    await next(socket, 'connect') // after being hung up on twice
  },
  async twoNamespaces() {
    const one = await connected()
    const other = await connected({}, '/other')
    assert.notEqual(one.id, other.id)
    assert.deepEqual(await other.emitWithAck('echo', 'x'), ['other', 'x'])
    other.disconnect()
    assert.deepEqual(await one.emitWithAck('echo', 'y'), ['y'])
  },
  async sentAway() {
    const socket = await connected()
    socket.emit('leave')
    const [reason] = await next(socket, 'disconnect')
    assert.equal(reason, 'io server disconnect')
  },
  async bigWebsocket() {
    const socket = await connected()
    const text = 'x'.repeat(40 << 20)
    assert.equal(await socket.emitWithAck('length', text), text.length)
    assert.equal((await socket.emitWithAck('make', 40 << 20)).length, 40 << 20)
  },
  async bigPolling() {
    const socket = await connected({ transports: ['polling'] })
    const text = 'x'.repeat(40 << 20)
    assert.equal(await socket.emitWithAck('length', text), text.length)
  },
  async tooBigWebsocket() {
    const socket = await connected({ reconnection: false })
    socket.emit('length', 'x'.repeat(49 << 20))
    const [reason] = await next(socket, 'disconnect')
    assert.match(reason, /transport (close|error)/)
  },
  async tooBigPolling() {
    const socket = await connected({ transports: ['polling'], reconnection: false })
    // One packet over the limit: the client cannot split it.
    socket.emit('length', 'x'.repeat(49 << 20))
    const [reason] = await next(socket, 'disconnect')
    assert.match(reason, /transport (close|error)/)
  },
  async binary() {
    const socket = await connected({ reconnection: false })
    socket.emit('echo', Buffer.from('no'))
    await next(socket, 'disconnect')
  },
  async heartbeat() {
    const socket = connect({}, '/cli')
    await next(socket, 'connect')
    for (let i = 0; i < 3; i++) await next(socket.io.engine, 'heartbeat')
    assert.deepEqual(await socket.emitWithAck('echo', 'alive'), ['alive'])
  },
}

await scenarios[scenario]()
for (const socket of sockets) socket.disconnect()
process.exit(0)
