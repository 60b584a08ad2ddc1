import { api } from '@/api/hub'
import type { Hub } from '@/api/client'
import type { Attachment } from '@/api/types'
import { newId } from '@/model/id'

export const largest = 50 * 1024 * 1024

// A preview is what everybody sees of a picture later, also closely: only the agent's machine has the file itself.
const asItIs = 256 * 1024
const longestSide = 1600
const shownByAll = ['image/png', 'image/jpeg', 'image/webp', 'image/gif']

export async function uploadFile(hub: Hub, sessionId: string, file: File): Promise<Attachment> {
  const content = await base64(file)
  const mimeType = file.type || 'application/octet-stream'
  const answer = await api.upload(hub, sessionId, { filename: file.name.slice(-255) || 'file', mimeType, content })
  if (!answer.success || !answer.path) throw new Error(answer.error ?? 'upload failed')
  const previewUrl = mimeType.startsWith('image/') ? await preview(file, content) : null
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

/** A small picture as it is, a large one large enough to be read and small enough to travel with the message. */
async function preview(file: File, content: string): Promise<string | null> {
  if (file.size <= asItIs && shownByAll.includes(file.type)) return `data:${file.type};base64,${content}`
  try {
    const image = await createImageBitmap(file)
    const scale = Math.min(1, longestSide / Math.max(image.width, image.height))
    const canvas = document.createElement('canvas')
    canvas.width = Math.max(1, Math.round(image.width * scale))
    canvas.height = Math.max(1, Math.round(image.height * scale))
    const context = canvas.getContext('2d')
    if (!context) return null
    context.fillStyle = 'white' // JPEG knows no transparency, and would make it black
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.drawImage(image, 0, 0, canvas.width, canvas.height)
    image.close()
    return canvas.toDataURL('image/jpeg', 0.75)
  } catch {
    return null
  }
}
