/** Title, text and address of a share, each on its line and none twice. */
export function sharedText({ title, text, url }: { title: string; text: string; url: string }): string {
  const lines: string[] = []
  for (const part of [title, text, url]) if (part && !lines.some((l) => l.includes(part))) lines.push(part)
  return lines.join('\n')
}

export interface RemoteFile {
  url: string
  name: string
  type: string
}

/** What a companion app puts behind the # of a link, so that no server sees it. */
export function readFragment(fragment: string): { title: string; text: string; url: string; file: RemoteFile | null } {
  const params = new URLSearchParams(fragment.replace(/^#/, ''))
  const of = (name: string) => params.get(name) ?? ''
  const address = of('fileUrl')
  const file = /^https?:\/\//i.test(address) && URL.canParse(address) ? new URL(address) : null
  return {
    title: of('title'),
    text: of('text'),
    url: of('url'),
    file: file && { url: file.href, name: of('fileName') || file.pathname.split('/').at(-1) || 'file', type: of('fileType') },
  }
}

const largest = 50 * 1024 * 1024

/** Fetches the file of a link; it goes to the hub only when a session was chosen. */
export async function fetchShared({ url, name, type }: RemoteFile, signal: AbortSignal): Promise<File> {
  const response = await fetch(url, { signal, credentials: 'omit', referrerPolicy: 'no-referrer' })
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`)
  const parts: Uint8Array<ArrayBuffer>[] = []
  let size = 0
  const reader = response.body?.getReader()
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
    if (done) break
    size += value.byteLength
    if (size > largest) {
      await reader?.cancel()
      throw new Error('> 50 MB')
    }
    parts.push(value)
  }
  return new File(parts, name, { type: type || (response.headers.get('Content-Type') ?? '') })
}
