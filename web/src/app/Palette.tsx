export function Palette(_: { open: boolean; onClose(): void; currentId: string | undefined }) {
  return null
}
