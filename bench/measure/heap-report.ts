import { writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// Loaded into a server before its own program (NODE_OPTIONS=--import): at SIGUSR2 it collects garbage and writes what is
// left on the heap, in bytes, to the file that BENCH_HEAP_FILE names.

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

process.on('SIGUSR2', () => {
  collect()
  collect()
  writeFileSync(process.env['BENCH_HEAP_FILE'] ?? '', String(process.memoryUsage().heapUsed))
})
