import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { include: ['journeys/**/*.journey.ts'], environment: 'node', testTimeout: 90_000, hookTimeout: 90_000, fileParallelism: false },
})
