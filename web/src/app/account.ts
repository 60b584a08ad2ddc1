import { createContext, useContext } from 'react'

export interface Account {
  signOut(): Promise<void>
}

export const AccountContext = createContext<Account>({ signOut: () => Promise.resolve() })
export const useAccount = () => useContext(AccountContext)
