// A browser's side of web terminals, with the official client: events go in as
// lines of JSON on stdin and come out as lines of JSON on stdout.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const [modules, url, token] = process.argv.slice(2)
const { io } = createRequire(modules + '/')('socket.io-client')
const say = (event, payload) => process.stdout.write(JSON.stringify({ event, payload }) + '\n')

const socket = io(url + '/terminal', { auth: { token }, transports: ['polling', 'websocket'], reconnectionDelay: 100, reconnectionDelayMax: 500 })
socket.on('connect', () => say('connect'))
socket.on('disconnect', (reason) => say('disconnect', reason))
socket.on('connect_error', (err) => say('connect_error', err.message))
socket.onAny(say)

createInterface({ input: process.stdin }).on('line', (line) => {
  const { event, payload, ack } = JSON.parse(line)
  if (ack) socket.emit(event, payload, (answer) => say(event, answer))
  else socket.emit(event, payload)
}).on('close', () => socket.close())
