import { setTimeout as sleep } from 'node:timers/promises'
import type { Check } from '../stress/audit/check.ts'
import { type Audit, compareWithTables } from './audit.ts'
import { recoveryMs, type Stretch, stretchOf } from './figures.ts'
import { residentBytes, Deployment } from './overload-deployment.ts'

/** One kind of overload. */
export interface Setting {
  readonly name: string
  /** What is scarce, for people. */
  readonly what: string
  readonly students: number
  readonly connections: number
  readonly environment: Readonly<Record<string, string>>
  /** Added to everything that the broker is sent or sends, milliseconds. */
  readonly journalDelayMs: number
  /** Who wait for their answers, all at once, while the unloaded maximum is measured. */
  readonly senders: number
  /** How many times that maximum is offered. */
  readonly times: number
}

export interface TrialResult {
  readonly setting: Setting
  readonly isPinned: boolean
  /** Decisions a second when as many ask as can be served, before the overload and after it. */
  readonly maximum: number
  readonly maximumAfter: number
  /** Latency of those, median and 99 of 100. */
  readonly unloaded: Stretch
  readonly overload: Stretch
  /** Goodput of each second of it. */
  readonly goodputBySecond: readonly number[]
  readonly senderCpu: number
  /** Of the server, bytes: before, greatest, and once it was over; and its growth from the middle of the overload on. */
  readonly rss: {
    readonly start: number
    readonly peak: number
    readonly end: number
    readonly growth: number
  }
  readonly recoveryMs: number | undefined
  readonly audit: Audit
  readonly checks: readonly Check[]
}

/** The rate after the overload, as a share of the maximum. */
const shareAfterwards = 0.5
/** Before it, an ordinary load, so that what follows comes as a surprise. */
const shareBefore = 0.5
const sampleMs = 500

export interface TrialOptions {
  readonly seconds: number
  /** How long the maximum is looked for, before and after, and how long the processes warm up before that. */
  readonly measureSeconds: number
  readonly warmUpSeconds: number
  /** How long the ordinary load before the overload lasts, and the one after it. */
  readonly beforeSeconds: number
  readonly afterwardsSeconds: number
  readonly say: (line: string) => void
}

/** Measures what the setting can take, offers much more than that, and compares all answers with the tables. */
export async function runTrial(setting: Setting, options: TrialOptions): Promise<TrialResult> {
  const { say, seconds, measureSeconds, warmUpSeconds, beforeSeconds, afterwardsSeconds } = options
  const stand = await Deployment.open({ ...setting, campusId: 'overload', contestants: 0, say })
  try {
    stand.proxy.slow(setting.journalDelayMs)
    const { sender } = stand
    const warmUp = await sender.sendClosed(setting.senders, warmUpSeconds)
    const measured = await sender.sendClosed(setting.senders, measureSeconds)
    const unloaded = stretchOf(measured, 500, measureSeconds * 1000)
    const maximum = unloaded.goodput
    say(
      `${setting.name}: ${Math.round(maximum)}/s unloaded; offering ${Math.round(maximum * setting.times)}/s`,
    )
    await stand.untilWritten()

    const memory = watchMemory(stand)
    const traffic = await sender.sendScheduled([
      { perSecond: maximum * shareBefore, seconds: beforeSeconds },
      { perSecond: maximum * setting.times, seconds },
      { perSecond: maximum * shareAfterwards, seconds: afterwardsSeconds },
    ])
    const beganMs = beforeSeconds * 1000
    const overMs = beganMs + seconds * 1000
    const endMs = overMs + afterwardsSeconds * 1000
    const overload = stretchOf(traffic, beganMs, overMs)
    const inTimeMs = Math.max(100, 2 * unloaded.decided.quantile(0.99))
    say(
      `${setting.name}: ${Math.round(overload.goodput)}/s while ${Math.round(overload.offered)}/s were asked for; waiting for the tables`,
    )
    await stand.untilWritten()
    await sleep(1000)
    const again = await sender.sendClosed(setting.senders, measureSeconds)
    const rss = memory.stop(traffic.startedAt + beganMs + (seconds * 1000) / 2)
    await stand.untilWritten()
    const agreed = await stand.stopAndVerify()
    const audit = await compareWithTables(stand.databaseUrl, [warmUp, measured, traffic, again])
    return {
      setting,
      isPinned: stand.isPinned,
      maximum,
      maximumAfter: stretchOf(again, 500, measureSeconds * 1000).goodput,
      unloaded,
      overload,
      goodputBySecond: Array.from(
        { length: seconds },
        (_, second) => stretchOf(traffic, beganMs + second * 1000, beganMs + (second + 1) * 1000).goodput,
      ),
      senderCpu: traffic.cpu,
      rss,
      recoveryMs: recoveryMs(traffic, overMs, endMs, inTimeMs),
      audit,
      checks: [...audit.checks, agreed],
    }
  } finally {
    await stand.close()
  }
}

function watchMemory({ service }: Deployment): { stop: (middleAt: number) => TrialResult['rss'] } {
  const pid = service.processes[0]?.pid ?? 0
  const samples: { readonly at: number; readonly bytes: number }[] = []
  const sample = () => samples.push({ at: Date.now(), bytes: residentBytes(pid) })
  sample()
  const timer = setInterval(sample, sampleMs)
  return {
    stop: (middleAt) => {
      clearInterval(timer)
      sample()
      const bytes = samples.map((one) => one.bytes)
      const end = bytes.at(-1) ?? 0
      const middle = samples.find(({ at }) => at >= middleAt)?.bytes ?? end
      return {
        start: bytes[0] ?? 0,
        peak: Math.max(...bytes),
        end,
        growth: Math.max(...samples.filter(({ at }) => at >= middleAt).map((one) => one.bytes)) - middle,
      }
    },
  }
}
