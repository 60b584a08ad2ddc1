/** Title, text and address of a share, each on its line and none twice. */
export function sharedText({ title, text, url }: { title: string; text: string; url: string }): string {
  const lines: string[] = []
  for (const part of [title, text, url]) if (part && !lines.some((l) => l.includes(part))) lines.push(part)
  return lines.join('\n')
}
