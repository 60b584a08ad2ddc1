import { api } from '@/api/hub'
import type { Hub } from '@/api/client'
import type { Attachment } from '@/api/types'
import { newId } from '@/model/id'

export const largest = 50 * 1024 * 1024
const longestSide = 800

export async function uploadFile(hub: Hub, sessionId: string, file: File): Promise<Attachment> {
  const content = await base64(file)
  const mimeType = file.type || 'application/octet-stream'
  const answer = await api.upload(hub, sessionId, { filename: file.name.slice(-255) || 'file', mimeType, content })
  if (!answer.success || !answer.path) throw new Error(answer.error ?? 'upload failed')
  const previewUrl = mimeType.startsWith('image/') ? await preview(file) : null
  return { id: newId(), filename: file.name, mimeType, size: file.size, path: answer.path, ...(previewUrl ? { previewUrl } : {}) }
}

export function base64(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).replace(/^data:[^,]*,/, ''))
    reader.onerror = () => reject(reader.error ?? new Error('unreadable file'))
    reader.readAsDataURL(file)
  })
}

/** The picture, large enough to recognise and small enough to travel with the message. */
async function preview(file: File): Promise<string | null> {
  try {
    const image = await createImageBitmap(file)
    const scale = Math.min(1, longestSide / Math.max(image.width, image.height))
    const canvas = document.createElement('canvas')
    canvas.width = Math.max(1, Math.round(image.width * scale))
    canvas.height = Math.max(1, Math.round(image.height * scale))
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
    return canvas.toDataURL('image/jpeg', 0.7)
  } catch {
    return null
  }
}
