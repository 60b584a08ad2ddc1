const browsers: readonly [RegExp, string][] = [
  [/Edg(?:e|A|iOS)?\//, 'Edge'],
  [/OPR\/|Opera/, 'Opera'],
  [/SamsungBrowser\//, 'Samsung Internet'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrome\/|CriOS\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const systems: readonly [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/CrOS/, 'ChromeOS'],
  [/Mac OS X/, 'Mac'],
  [/Windows/, 'Windows'],
  [/Linux/, 'Linux'],
]

/** How a person knows a browser among their others: "Chrome on Android". Proper names, the same in every language. */
export function deviceLabel(userAgent: string, installed: boolean): string {
  const of = (list: typeof browsers) => list.find(([pattern]) => pattern.test(userAgent))?.[1]
  return [installed ? 'hapi' : of(browsers), of(systems)].filter(Boolean).join(' · ')
}
