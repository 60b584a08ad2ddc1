export const settingsPages = ['general', 'display', 'chat', 'notifications', 'machines', 'devices', 'usage', 'about'] as const
export type SettingsPageName = (typeof settingsPages)[number]
