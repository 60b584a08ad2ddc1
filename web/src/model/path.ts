/** Paths in addresses are base64 of their UTF-8. */
export function encodePath(path: string): string {
  let bytes = ''
  for (const b of new TextEncoder().encode(path)) bytes += String.fromCharCode(b)
  return encodeURIComponent(btoa(bytes))
}

export function decodePath(encoded: string): string | null {
  try {
    const raw = decodeURIComponent(encoded).replaceAll(' ', '+')
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(atob(raw), (c) => c.charCodeAt(0)))
  } catch {
    return null
  }
}
