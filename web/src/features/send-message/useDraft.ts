import { useCallback, useEffect, useRef, useState } from 'react'
import type { Attachment } from '@/api/types'
import { remembered, rememberDraft } from '@/live/database'

const saveAfter = 300

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
      if (!here || !draft || latest.current.text !== '') return
      latest.current = { text: draft.text, attachments: draft.attachments }
      setTextState(draft.text)
      setAttachmentsState(draft.attachments)
    })
    const save = () => {
      if (timer.current) {
        clearTimeout(timer.current)
        timer.current = null
        void rememberDraft({ sessionId, ...latest.current, at: Date.now() })
      }
    }
    window.addEventListener('pagehide', save)
    return () => {
      here = false
      window.removeEventListener('pagehide', save)
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
