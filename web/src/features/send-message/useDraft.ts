import { useCallback, useEffect, useRef, useState } from 'react'
import type { Attachment } from '@/api/types'
import { remembered, rememberDraft } from '@/live/database'

const saveAfter = 300

// A database may not finish while a page goes away; this does.
const lastWords = (sessionId: string) => `hapi:draft:${sessionId}`

function takeLastWords(sessionId: string): string | null {
  const text = localStorage.getItem(lastWords(sessionId))
  if (text !== null) localStorage.removeItem(lastWords(sessionId))
  return text
}

/** What is being written to one session; it outlives the tab. */
export function useDraft(sessionId: string) {
  const [text, setTextState] = useState('')
  const [attachments, setAttachmentsState] = useState<Attachment[]>([])
  const latest = useRef({ text: '', attachments: [] as Attachment[] })
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null)

  useEffect(() => {
    let here = true
    latest.current = { text: '', attachments: [] }
    setTextState('')
    setAttachmentsState([])
    void remembered((db) => db.get('drafts', sessionId)).then((draft) => {
      if (!here || latest.current.text !== '') return
      const text = takeLastWords(sessionId) ?? draft?.text ?? ''
      latest.current = { text, attachments: draft?.attachments ?? [] }
      setTextState(text)
      setAttachmentsState(latest.current.attachments)
    })
    const save = () => {
      if (timer.current) {
        clearTimeout(timer.current)
        timer.current = null
        void rememberDraft({ sessionId, ...latest.current, at: Date.now() })
      }
    }
    const leave = () => {
      if (timer.current) localStorage.setItem(lastWords(sessionId), latest.current.text)
      save()
    }
    window.addEventListener('pagehide', leave)
    return () => {
      here = false
      window.removeEventListener('pagehide', leave)
      save()
    }
  }, [sessionId])

  const saveSoon = useCallback(() => {
    if (timer.current) clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      timer.current = null
      void rememberDraft({ sessionId, ...latest.current, at: Date.now() })
    }, saveAfter)
  }, [sessionId])

  const setText = useCallback(
    (next: string) => {
      latest.current = { ...latest.current, text: next }
      setTextState(next)
      saveSoon()
    },
    [saveSoon],
  )
  const setAttachments = useCallback(
    (change: (list: Attachment[]) => Attachment[]) => {
      latest.current = { ...latest.current, attachments: change(latest.current.attachments) }
      setAttachmentsState(latest.current.attachments)
      saveSoon()
    },
    [saveSoon],
  )
  return { text, setText, attachments, setAttachments }
}
