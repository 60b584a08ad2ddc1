/** A line to a hub that can go dead without a sign, as a phone's does when it changes networks. */
import { connect, createServer, type Server, type Socket } from 'node:net'

export class Line {
  #server: Server
  #ends: { here: Socket; there: Socket; asked: string }[] = []

  private constructor(server: Server) {
    this.#server = server
  }

  get url(): string {
    const address = this.#server.address()
    if (!address || typeof address === 'string') throw new Error('the line is not open')
    return `http://127.0.0.1:${address.port}`
  }

  static async to(port: number): Promise<Line> {
    const server = createServer((here) => {
      const end = { here, there: connect(port, '127.0.0.1'), asked: '' }
      line.#ends.push(end)
      here.on('data', (b) => (end.asked = /^[A-Z]+ \S+ HTTP/.exec(b.toString('latin1'))?.[0] ?? end.asked))
      here.pipe(end.there)
      end.there.pipe(here)
      for (const [one, other] of [[here, end.there], [end.there, here]] as const) one.on('error', () => other.destroy()).on('close', () => other.destroy())
    })
    const line = new Line(server)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    return line
  }

  /** Nothing more comes or goes where the path was asked for last; nobody is told. It says how many those were. */
  goDead(path: string): number {
    const dead = this.#ends.filter((end) => !end.here.destroyed && end.asked.startsWith(`GET ${path}`))
    for (const { here, there } of dead) {
      here.unpipe(there)
      there.unpipe(here)
    }
    return dead.length
  }

  async close() {
    for (const { here, there } of this.#ends) {
      here.destroy()
      there.destroy()
    }
    await new Promise((done) => this.#server.close(done))
  }
}
