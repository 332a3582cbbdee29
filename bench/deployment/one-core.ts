import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { descendantsOf } from '../measure/process-usage.ts'
import type { Servers } from './servers.ts'

/** The CPU that everything measured shares, and the one left for the load. */
export const serviceCpu = 0
export const loadCpu = 1

/** What runs a program on one CPU only. */
export function pinnedTo(cpu: number): readonly string[] {
  return ['taskset', '-c', String(cpu)]
}

/** True where a process can be held to one CPU and another is left. */
export function canPin(): boolean {
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' })
    return cpus().length > 1
  } catch {
    return false
  }
}

/**
 * Holds PostgreSQL and RabbitMQ, all of their processes and threads, to one CPU.
 * @returns lets them go
 */
export function pinServers(ground: Servers): () => void {
  const set = (list: string) => {
    for (const pid of descendantsOf([...ground.postgresql.roots(), ...ground.rabbitmq.roots()])) {
      try {
        execFileSync('taskset', ['-a', '-c', '-p', list, String(pid)], { stdio: 'ignore' })
      } catch {
        // It has ended meanwhile.
      }
    }
  }
  set(String(serviceCpu))
  return () => set(`0-${cpus().length - 1}`)
}
