import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Waits for its standard input to close, which it does however this process ends, `kill -9` included; then ends what
 * still runs and removes the directory.
 */
const script = `
runs() {
  kill -0 "$1" 2>/dev/null || return 1
  # A process that has ended stays in the list until its parent, or who took it over, asks.
  read -r _ _ state _ 2>/dev/null <"/proc/$1/stat"
  [ "$state" != Z ]
}
end() {
  kill -s "$1" "$2" 2>/dev/null
  tries=0
  while runs "$2" && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL "$2" 2>/dev/null
}
trap '' INT TERM HUP
cat >/dev/null
. "$1/at-end"
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`

/** A temporary directory and what runs in it; neither outlives this process. */
export class Keeper {
  readonly directory: string
  readonly #shell: ChildProcess
  readonly #atEnd = new Map<string, string>()
  #isReleased = false

  /** @param parent a folder that exists and that every account may enter */
  constructor(name: string, parent: string) {
    this.directory = mkdtempSync(join(parent, `enrollment-${name}-`))
    chmodSync(this.directory, 0o711)
    this.#write()
    this.#shell = spawn('/bin/sh', ['-c', script, 'sh', this.directory], {
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    this.#shell.unref()
    // Its pipe shall close with this process, not keep it.
    const pipe = this.#shell.stdin
    if (pipe && 'unref' in pipe && typeof pipe.unref === 'function') pipe.unref()
  }

  /** From now on this process is ended with the directory. Call `forget` when it has ended: ids are used again. */
  watch(pid: number, signal: 'KILL' | 'QUIT'): void {
    this.atEnd(String(pid), `end ${signal} ${pid}`)
  }

  forget(pid: number): void {
    this.#atEnd.delete(String(pid))
    this.#write()
  }

  /** Has this shell command run at the end; a later one of the same name replaces it. */
  atEnd(name: string, command: string): void {
    this.#atEnd.set(name, command)
    this.#write()
  }

  /** Ends what still runs, removes the directory, and resolves when that is done. */
  async release(): Promise<void> {
    this.#isReleased = true
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return
    this.#shell.ref()
    this.#shell.stdin?.end()
    await once(this.#shell, 'exit')
  }

  #write(): void {
    // What ends by the release is told of afterwards.
    if (this.#isReleased) return
    writeFileSync(join(this.directory, 'at-end'), `${[...this.#atEnd.values()].join('\n')}\n`)
  }
}
