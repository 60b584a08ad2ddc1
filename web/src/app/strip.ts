/** The looks of the one line above everything. */
export const strip = 'flex min-h-9 items-center justify-center gap-2 border-b border-line bg-sunken px-4 py-1 text-s'
export const act = 'min-h-7 shrink-0 rounded-s px-2 font-medium text-accent hover:bg-raised touch:min-h-9'
