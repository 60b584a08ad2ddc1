// The official server, to be driven by the client under test. node server.mjs <pingInterval>
// prints its port, then lives until its input ends.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const pingInterval = Number(process.argv[2])
const http = createServer()
const io = new Server(http, { pingInterval, pingTimeout: 20_000, maxHttpBufferSize: 48 << 20, perMessageDeflate: true })
const cli = io.of('/cli')

cli.use((socket, next) => {
  if (socket.handshake.auth.token === 'good') return next()
  const refused = new Error('Invalid token')
  refused.data = { hint: 'log in' }
  next(refused)
})
cli.on('connection', (socket) => {
  let count = 0, ordered = true
  socket.on('echo', (...args) => args.pop()(args))
  socket.on('ask', async (n, answer) => answer(await socket.emitWithAck('question', n)))
  socket.on('count', (i) => { ordered &&= i === count; count++ })
  socket.on('counted', (answer) => answer({ count, ordered }))
  socket.on('flood', (n) => { for (let i = 0; i < n; i++) socket.emit('flood', i) })
  socket.on('transport', (answer) => answer(socket.conn.transport.name))
  socket.on('length', (text, answer) => answer(text.length))
  socket.on('make', (n, answer) => answer('x'.repeat(n)))
  socket.on('drop', () => socket.conn.close())
  socket.on('leave', () => socket.disconnect())
})
http.listen(0, '127.0.0.1', () => console.log(http.address().port))
process.stdin.on('end', () => process.exit(0)).resume()
