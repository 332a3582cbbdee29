import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'

/**
 * Runs a command under clinic and stands for it: a signal that ends a server ends the one that is watched, in good order,
 * and clinic with it once its page is drawn. clinic itself would take the signal and draw nothing.
 *
 *   under-clinic <clinic's program> <tool> <folder for the page> <command …>
 */
const [clinic = '', tool = '', folder = '', ...command] = process.argv.slice(2)

const child = spawn(
  process.execPath,
  [clinic, tool, '--open=false', '--dest', folder, '--', ...command],
  // Without a terminal it asks whether it may report home, and does nothing until told.
  { stdio: 'inherit', env: { ...process.env, NO_INSIGHT: '1', NO_UPDATE_NOTIFIER: '1' } },
)

/** The process below clinic whose program is the one that was asked for. */
function findWatched(): number | undefined {
  const program = command.find((word) => word.endsWith('.ts')) ?? ''
  const parents = new Map<number, number>()
  const candidates: number[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      if (words.includes(program) && !words.includes(clinic)) candidates.push(Number(name))
    } catch {
      // It has ended meanwhile.
    }
  }
  return candidates.find((pid) => {
    for (let above = parents.get(pid); above !== undefined; above = parents.get(above)) {
      if (above === child.pid) return true
    }
    return false
  })
}

// SIGINT, whatever came: clinic tells its own end from that of the program by it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    const watched = findWatched()
    if (watched === undefined) child.kill(signal)
    else process.kill(watched, 'SIGINT')
  })
}
child.once('error', (error) => {
  process.stderr.write(`clinic cannot be started: ${error.message}\n`)
  process.exitCode = 1
})
child.once('exit', (code) => {
  process.exitCode = code ?? 1
})
