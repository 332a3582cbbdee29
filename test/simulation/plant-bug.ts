import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PlantedBug } from './planted-bugs.ts'

/** What the simulation needs of the program. */
const parts = ['actors', 'schema', 'src/engine', 'src/journal', 'test/simulation']
const usualSeeds = { first: 1, count: 20, every: 1 }

/**
 * Plants a bug into a copy of the program and runs seeds there until one fails for the reason expected.
 * @returns what the simulation printed
 * @throws if the place for the bug is not to be found, exactly once
 */
export async function simulateWith(bug: PlantedBug): Promise<string> {
  const { file, find, replace, seeds, wish = {}, toldAs } = bug
  const { first, count, every } = seeds ?? usualSeeds
  const copy = mkdtempSync(join(tmpdir(), 'planted-bug-'))
  try {
    for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true })
    writeFileSync(join(copy, 'package.json'), '{ "type": "module" }')
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    plant(join(copy, file), find, replace)
    // The pattern goes along, so that a seed that fails in another way, as some do, is not the last.
    const options = `--seed ${first} --seeds ${count} --every ${every} --jobs 1 --stop-at`
    const args = [...options.split(' '), toldAs.source, '--plan', JSON.stringify(wish)]
    return await run(join(copy, 'test/simulation/run.ts'), args)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

const root = join(import.meta.dirname, '../..')

function plant(path: string, find: string, replace: string): void {
  const text = readFileSync(path, 'utf8')
  const [before, after, ...more] = text.split(find)
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`${path} does not have exactly one ${find}`)
  }
  writeFileSync(path, before + replace + after)
}

async function run(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return output
}
