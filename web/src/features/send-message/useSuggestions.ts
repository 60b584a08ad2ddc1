import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api } from '@/api/hub'
import { useLive, useSessions } from '@/live/hooks'
import { titleOf } from '@/model/session'
import { fileMention, rank, type Completion } from './completion'
import { latestFirst, recentSkills } from './recentSkills'

export interface Suggestion {
  key: string
  label: string
  hint: string
  insert: string
}

const most = 8
const filesAfter = 150

/** What fits the word at the caret: commands, skills, files of the project, other sessions. */
export function useSuggestions(sessionId: string, flavor: string, completion: Completion | null): Suggestion[] {
  const { hub } = useLive()
  const { data: sessions = [] } = useSessions()
  const commands = useQuery({ queryKey: ['commands', sessionId], queryFn: () => api.slashCommands(hub, sessionId), enabled: completion?.trigger === '/', staleTime: 60_000 })
  const skills = useQuery({ queryKey: ['skills', sessionId], queryFn: () => api.skills(hub, sessionId), enabled: completion?.trigger === '$', staleTime: 60_000 })
  const fileQuery = useDelayed(completion?.trigger === '@' ? completion.query : null, filesAfter)
  const files = useQuery({
    queryKey: ['files', sessionId, fileQuery],
    queryFn: ({ signal }) => api.files(hub, sessionId, fileQuery ?? '', 20, signal),
    enabled: fileQuery !== null && fileQuery !== '',
    staleTime: 10_000,
    placeholderData: (before) => before,
  })
  if (!completion) return []
  const { trigger, query } = completion
  if (trigger === '/') {
    return rank(commands.data?.commands ?? [], query, (c) => c.name, most).map((c) => ({ key: c.name, label: `/${c.name}`, hint: c.description ?? '', insert: `/${c.name}` }))
  }
  if (trigger === '$') return rank(latestFirst(skills.data?.skills ?? [], recentSkills()), query, (s) => s.name, most).map((s) => ({ key: s.name, label: `$${s.name}`, hint: s.description ?? '', insert: `$${s.name}` }))
  const found: Suggestion[] = query === '' ? [] : (files.data?.files ?? []).slice(0, most).map((f) => ({ key: `f:${f.fullPath}`, label: f.fileName, hint: f.filePath, insert: fileMention(f.fullPath, flavor) }))
  const others = rank(
    sessions.filter((s) => s.id !== sessionId),
    query,
    titleOf,
    query === '' ? 5 : 3,
  ).map((s) => ({ key: `s:${s.id}`, label: titleOf(s), hint: `/sessions/${s.id.slice(0, 8)}`, insert: `"${titleOf(s)}" (/sessions/${s.id})` }))
  return [...found, ...others]
}

function useDelayed<T>(value: T, ms: number): T {
  const [late, setLate] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setLate(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return late
}
