/**
 * What every command begins with: its arguments, or how it is used.
 * @param read gives undefined if it is only to say how it is used; throws with a line for people
 * @returns the exit status: that of `run`, or 2 for arguments that cannot be
 */
export async function runCommand<Arguments>(
  usage: string,
  read: () => Arguments | undefined,
  run: (given: Arguments) => Promise<number>,
): Promise<number> {
  let given: Arguments | undefined
  try {
    given = read()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    return 2
  }
  if (given !== undefined) return await run(given)
  process.stdout.write(usage)
  return 0
}

/**
 * Runs what SIGINT and SIGTERM may stop, and aborts the signal then.
 * @returns the exit status: that of `run`, or 130 if it was stopped
 */
export async function untilStopped(run: (signal: AbortSignal) => Promise<number>): Promise<number> {
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The second one does not wait: what was started ends with this process all the same.
    process.on(signal, () => (stopping.signal.aborted ? process.exit(130) : stopping.abort(signal)))
  }
  try {
    return await run(stopping.signal)
  } catch (error) {
    if (!stopping.signal.aborted) throw error
    say('stopped')
    return 130
  }
}

/** Ends this process at the first signal; what it has started ends with it. */
export function endWhenToldTo(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
}

/** @throws with a line for people */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= least && number <= most) return number
  throw new Error(`--${name} wants a whole number from ${least} to ${most}`)
}

/** Says how far it is; results go to standard output. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** The same with how long it has taken so far. */
export function sayWithTime(): (line: string) => void {
  const begunMs = performance.now()
  return (line) => say(`${((performance.now() - begunMs) / 1000).toFixed(1).padStart(6)} s  ${line}`)
}
