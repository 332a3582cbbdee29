import { createReadStream, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { runCli } from '../../kit/load/cli-process.ts'
import { type Finding, rounded } from '../report/entry.ts'
import { createCampus } from '../deployment/engine-deployment.ts'
import type { Servers } from '../deployment/servers.ts'

const sizes = [100_000, 1_000_000]
const formats = ['csv', 'ndjson'] as const
/** Peaks are kept by the kernel: only the last moments before the end can go unread. */
const pollMs = 10

/** Nine enrollments and a refusal for every ten, a key each, 40 a second through the last two weeks. */
const insertDecisions = `
  INSERT INTO decisions (term, seq, at, actor_role, actor_id, student_id, legs, effects, reasons, remaining, key,
    request_hash, request, course_id)
  SELECT 1, seq, now() - interval '14 days' + seq * interval '25 ms', 'student', student, student,
    jsonb_build_array(jsonb_build_object('do', 'add', 'course', course, 'group', 1, 'reserve', 'allow')),
    CASE WHEN seq % 10 > 0 THEN jsonb_build_array(
      jsonb_build_object('type', 'registered', 'student', student, 'course', course, 'group', 1)) END,
    CASE WHEN seq % 10 = 0 THEN jsonb_build_array(
      jsonb_build_object('code', 'class_conflict', 'leg', 0, 'course', course, 'group', 1,
        'with', jsonb_build_object('course', course + 1, 'group', 1))) END,
    12, gen_random_uuid()::text, md5(seq::text) || left(md5(seq::text), 11), 'req-' || seq, course
  FROM generate_series($1::bigint, $2::bigint) AS seq,
    LATERAL (SELECT (seq / 7 + 1)::int AS student, (1 + seq * 7919 % 1500)::int AS course) AS wish`

/** Decisions written to a file by `enrollment export`: how fast, and that a million take no more memory than a tenth of it. */
export async function exportOfDecisions(ground: Servers): Promise<Finding[]> {
  const campus = await createCampus(ground, {
    size: { students: 0, courses: 0, capacity: 1, reserveCapacity: 0 },
    passwordHash: '!',
  })
  const tables = new pg.Client({ connectionString: campus.url })
  try {
    await tables.connect()
    const findings: Finding[] = []
    let made = 0
    for (const decisions of ground.isTiny ? [200, 1000] : sizes) {
      ground.say(`  making ${decisions.toLocaleString('en')} decisions`)
      await tables.query(insertDecisions, [made + 1, decisions])
      await tables.query('VACUUM (ANALYZE) decisions')
      made = decisions
      for (const format of formats) findings.push(await exportOnce(ground, campus.url, { decisions, format }))
    }
    return findings
  } finally {
    await tables.end()
    await campus.drop()
  }
}

async function exportOnce(
  ground: Servers,
  databaseUrl: string,
  { decisions, format }: { readonly decisions: number; readonly format: (typeof formats)[number] },
): Promise<Finding> {
  ground.say(`  exporting them as ${format}`)
  const file = join(ground.keeper.directory, `decisions.${format}`)
  let peakBytes = 0
  let polling: NodeJS.Timeout | undefined
  try {
    const begunMs = performance.now()
    const args = ['export', '--decisions', file, '--format', format, '--overwrite']
    const { ending, errors } = await runCli(args, { DATABASE_URL: databaseUrl }, (pid) => {
      polling = setInterval(() => {
        peakBytes = Math.max(peakBytes, peakOf(pid))
      }, pollMs)
    })
    const elapsedMs = performance.now() - begunMs
    if (ending !== 0) throw new Error(`the export ended with ${ending}: ${errors}`)
    const lines = (await countLines(file)) - (format === 'csv' ? 1 : 0)
    if (lines !== decisions) throw new Error(`${lines} of ${decisions} decisions were exported`)
    return {
      scenario: 'export',
      subject: format,
      conditions: { decisions },
      figures: {
        decisions,
        file_mb: rounded(statSync(file).size / 1e6),
        elapsed_s: rounded(elapsedMs / 1000, 2),
        decisions_per_s: rounded((1000 * decisions) / elapsedMs),
        peak_mib: rounded(peakBytes / 2 ** 20),
      },
    }
  } finally {
    clearInterval(polling)
    rmSync(file, { force: true })
  }
}

/** No cell of a decision has a line break in it. */
async function countLines(file: string): Promise<number> {
  let lines = 0
  for await (const chunk of createReadStream(file)) {
    for (const byte of chunk as Buffer) if (byte === 10) lines++
  }
  return lines
}

/** The most memory that the process has had resident so far; 0 once it is gone. */
function peakOf(pid: number): number {
  try {
    return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
