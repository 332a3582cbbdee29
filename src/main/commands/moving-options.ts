import type { RegistryFiles } from '../../registry/check-files.ts'
import { time, UnfitCell } from '../../registry/fields.ts'
import { fileHelp } from '../../registry/load-help.ts'
import type { DecisionsWish, RegistryExport } from './export.ts'
import type { LoadWish } from './load.ts'
import { CommandFailed } from '../service-process.ts'
import type { SyncWish } from './sync.ts'

type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>

export const exportHelp = `\
  enrollment export --to FOLDER                         departments, staff, students, courses, enrollments as CSV
  enrollment export --to FOLDER --format oneroster      the same as OneRoster 1.2 CSV
  enrollment export --to FOLDER --with-passwords        with password hashes, for another enrollment engine
  enrollment export --decisions decisions.csv           every decision, oldest first
  enrollment export --decisions may.ndjson.gz --from 2026-05-01T00:00Z --until 2026-06-01T00:00Z
  enrollment export --decisions - --format ndjson | jq 'select(.decided == "no") | .reasons[].code'
It reads one snapshot, and may run beside a server. Files appear when they are whole, readable by their owner only;
--overwrite replaces those that are there. The files of --to are what enrollment load takes.
In CSV an apostrophe stands before text that a spreadsheet would take for a formula ('=1+1), and enrollment load takes
it away; numbers stay as they are. --raw leaves it out: load such files with --raw. OneRoster files are always raw.
--decisions streams: a million take no more memory than a thousand. The name's end says the format (.csv, .ndjson
or .jsonl, with .gz behind it for gzip), or --format does; - is standard output. --from and --until bound the time of
the decision, the start inclusive, the end exclusive.`

export const backupHelp = `\
  enrollment backup /srv/backups/campus-2026-09-01.enrollment
  DATABASE_URL=postgres://enrollment_migrator:…@…/campus enrollment backup FILE
Everything that the tables hold, at one moment, in one file: it may run beside a server. It holds password hashes, the key of the
tokens and the key of the journal's messages, so only its owner may read it. What the journal's queue holds is not in it. The
file appears when it is whole; --overwrite replaces one that is there. See docs/backup.md.`

export const restoreHelp = `\
  ENROLLMENT_DATA=/srv/enrollment-new enrollment restore FILE
  createdb campus_new; DATABASE_URL=postgres://enrollment_migrator:…@…/campus_new enrollment restore FILE
Into a database that has none of these tables yet; without DATABASE_URL: one of enrollment start, made in ENROLLMENT_DATA. The file is
checked whole before anything is written, and all of it is written in one transaction. A database that was restored is a copy, which is
not served until enrollment migrate says what it is: --moved, or --new-campus. See docs/backup.md.`

/** What `enrollment migrate` is asked to say of the database, beside bringing it up to date. */
export interface MigrateWish {
  readonly switchJournal: boolean
  /** With `switchJournal`: what a queue that cannot be asked held is given up. */
  readonly acceptLoss: boolean
  /** What a copy is from now on. */
  readonly copy: 'moved' | 'new campus' | undefined
}

/** @throws CommandFailed when the options do not fit together */
export function migrateWishOf(values: Values): MigrateWish {
  const isMoved = values['moved'] === true
  const isNew = values['new-campus'] === true
  if (isMoved && isNew) throw new CommandFailed('enrollment migrate wants one of --moved and --new-campus')
  const switchJournal = values['switch-journal'] === true
  const acceptLoss = values['accept-loss'] === true
  if (acceptLoss && !switchJournal)
    throw new CommandFailed('what the journal lost is accepted by: enrollment journal --accept-loss')
  return {
    switchJournal,
    acceptLoss,
    copy: isMoved ? 'moved' : isNew ? 'new campus' : undefined,
  }
}

const tables = ['departments', 'staff', 'students', 'courses', 'enrollments'] as const

/** @throws CommandFailed when the options do not fit together */
export function loadWishOf(values: Values): LoadWish {
  const files: RegistryFiles = Object.fromEntries(
    tables.flatMap((table) => (typeof values[table] === 'string' ? [[table, values[table]]] : [])),
  )
  const { oneroster } = values
  const hasFiles = Object.keys(files).length > 0
  const options = {
    dryRun: values['dry-run'] === true,
    withoutPasswords: values['without-passwords'] === true,
    raw: values['raw'] === true,
  }
  if ([hasFiles, oneroster !== undefined, values['sample'] === true].filter(Boolean).length !== 1) {
    throw new CommandFailed(
      'enrollment load wants files (--students F.csv, …), --oneroster FOLDER or --sample, one of them',
    )
  }
  if (options.raw && !hasFiles) throw new CommandFailed('--raw belongs to the CSV files of enrollment load')
  const update = updateWishOf(values)
  if (update !== undefined && values['sample'] === true) {
    throw new CommandFailed('--update belongs to the files of enrollment load')
  }
  if (update !== undefined && 'enrollments' in files)
    throw new CommandFailed(placesAreDecisions('load --update'))
  const roles = values['staff-roles']
  if (typeof oneroster === 'string') {
    const staffRoles = typeof roles === 'string' ? roles.split(',').map((role) => role.trim()) : undefined
    if (staffRoles?.some((role) => role === '' || role === 'student') === true) {
      throw new CommandFailed('--staff-roles wants roles of OneRoster with commas between, and not student')
    }
    return { what: { oneroster }, ...options, staffRoles, update }
  }
  if (roles !== undefined) throw new CommandFailed('--staff-roles belongs to enrollment load --oneroster')
  if (!hasFiles && (options.dryRun || options.withoutPasswords)) {
    throw new CommandFailed('enrollment load --sample has no --dry-run and no --without-passwords')
  }
  return { what: hasFiles ? files : 'sample', ...options, update }
}

export const loadHelp = `  enrollment load --departments D.csv --staff T.csv --students S.csv --courses C.csv --enrollments E.csv
  enrollment load --oneroster FOLDER [--staff-roles administrator,counselor]
  enrollment load --students S.csv --dry-run
  enrollment load --update --students S.csv --courses C.csv [--remove-missing] [--remove-at-most 50] [--dry-run]
  enrollment load --sample
It refuses while a server leads, naming it, and while the journal's queue holds anything or a batcher consumes it.
--update makes departments, staff, students and courses what the files say: what is new is added, what they say otherwise is
changed, the rest stays; a column that a file lacks says nothing. A plain password counts only where there is none. A capacity below
the seats taken is refused by line. --remove-missing also removes what a file does not name, with its places; more than a tenth of a
table only with --remove-at-most. --show says how many rows of each kind are listed (10). While a server leads: enrollment sync.
--dry-run checks files and database as a load does, tells what it would load, and writes nothing.
--staff-roles names the primary roles whose users become staff, in place of kinds of administrators; all others are skipped.
--without-passwords takes students and staff without a password; nobody can log in as them until they have one.
--raw takes cells as they are; without it '=1+1 is read as =1+1 (not in password_plain), as enrollment export writes it.

${fileHelp}`

export const syncHelp = `\
  enrollment sync --url https://enroll.example.edu --token-file TOKEN --students S.csv --courses C.csv
  enrollment sync --url … --token-file TOKEN --students S.csv --courses C.csv --apply
  enrollment sync --url … --token-file TOKEN --oneroster FOLDER --apply --remove-missing
Compares files of enrollment load with a campus that is served, says what differs, and with --apply sends the differences as staff
commands, each on record. Without --apply nothing is sent. The token is that of a staff member (POST /login), who sees and changes
their own department, or with STAFF_SCOPE=all every one. A column that a file lacks says nothing, and so does an empty
enrollment_end_time; a plain password counts only where there is none. 429 and 503 are waited out. A run that was cut is resumed by
running it again. --remove-missing cancels the groups that the file does not name, more than a tenth only with --remove-at-most.
--show says how many rows of each kind are listed (10). Exit status 1: a command was refused (the line of the file and the code are
said), or no command can say a difference: names, units, departments, sex locks and codes, entry years, genders, hashes, a student to
be removed. Departments, staff and places are not compared. enrollment load --update does these while nobody leads.`

/** @throws CommandFailed when the options do not fit together */
export function syncWishOf(values: Values): SyncWish {
  const { url, oneroster, students, courses } = values
  const tokenFile = values['token-file']
  if (typeof url !== 'string' || typeof tokenFile !== 'string') {
    throw new CommandFailed('enrollment sync wants --url URL and --token-file FILE')
  }
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new CommandFailed(`--url ${url}: wants http:// or https://`)
  const files: RegistryFiles = {
    ...(typeof students === 'string' && { students }),
    ...(typeof courses === 'string' && { courses }),
  }
  const hasFiles = Object.keys(files).length > 0
  if (hasFiles === (typeof oneroster === 'string')) {
    throw new CommandFailed(
      'enrollment sync wants files (--students F.csv, --courses F.csv) or --oneroster FOLDER',
    )
  }
  const raw = values['raw'] === true
  if (raw && !hasFiles) throw new CommandFailed('--raw belongs to CSV; OneRoster is always raw')
  return {
    what: hasFiles ? files : { oneroster: String(oneroster) },
    url,
    tokenFile,
    apply: values['apply'] === true,
    raw,
    shownMax: shownMaxOf(values),
    ...removalOf(values),
  }
}

function updateWishOf(values: Values): LoadWish['update'] {
  const removal = removalOf(values)
  if (values['update'] === true || removal.removeMissing) return { ...removal, shownMax: shownMaxOf(values) }
  if (values['show'] !== undefined) throw new CommandFailed('--show belongs to --update')
  return undefined
}

/** Places come from decisions, which a file knows nothing of. */
function placesAreDecisions(command: string): string {
  return `enrollment ${command} takes no --enrollments: who holds a place is decided while a server leads (PUT /staff/force-std)`
}

/** @throws CommandFailed when the options do not fit together */
function removalOf(values: Values): {
  readonly removeMissing: boolean
  readonly removeAtMost: number | undefined
} {
  const removeMissing = values['remove-missing'] === true
  const removeAtMost = countOf('remove-at-most', values)
  if (removeAtMost !== undefined && !removeMissing)
    throw new CommandFailed('--remove-at-most belongs to --remove-missing')
  return { removeMissing, removeAtMost }
}

function shownMaxOf(values: Values): number {
  return countOf('show', values) ?? 10
}

function countOf(option: string, values: Values): number | undefined {
  const text = values[option]
  if (typeof text !== 'string') return undefined
  if (!/^\d{1,9}$/.test(text)) throw new CommandFailed(`--${option} ${text}: wants a whole number`)
  return Number(text)
}

/** @throws CommandFailed when the options do not fit together */
export function exportWishOf(values: Values): RegistryExport | DecisionsWish {
  const { to, decisions, format, from, until } = values
  const overwrite = values['overwrite'] === true
  const withPasswords = values['with-passwords'] === true
  const raw = values['raw'] === true
  if ((typeof to === 'string') === (typeof decisions === 'string')) {
    throw new CommandFailed('enrollment export wants --to FOLDER or --decisions FILE, one of them')
  }
  if (typeof decisions === 'string') {
    if (withPasswords) throw new CommandFailed('--with-passwords belongs to enrollment export --to')
    const written = decisionsFormat(decisions, format)
    if (raw && written !== 'csv') throw new CommandFailed('--raw belongs to CSV; newline JSON is always raw')
    return {
      target: decisions,
      format: written,
      raw,
      fromMs: momentOf('from', from),
      untilMs: momentOf('until', until),
      overwrite,
    }
  }
  if (from !== undefined || until !== undefined) {
    throw new CommandFailed('--from and --until belong to enrollment export --decisions')
  }
  if (format !== undefined && format !== 'csv' && format !== 'oneroster') {
    throw new CommandFailed(`--format ${String(format)}: wants csv or oneroster`)
  }
  if (raw && format === 'oneroster') throw new CommandFailed('--raw belongs to CSV; OneRoster is always raw')
  return { folder: String(to), format: format ?? 'csv', withPasswords, raw, overwrite }
}

function decisionsFormat(target: string, format: Values[string]): 'csv' | 'ndjson' {
  if (format === 'csv' || format === 'ndjson') return format
  if (format !== undefined) throw new CommandFailed(`--format ${String(format)}: wants csv or ndjson`)
  if (/\.csv(\.gz)?$/.test(target)) return 'csv'
  if (/\.(ndjson|jsonl)(\.gz)?$/.test(target)) return 'ndjson'
  throw new CommandFailed(`--decisions ${target} says no format; add --format csv or --format ndjson`)
}

function momentOf(option: string, text: Values[string]): number | undefined {
  if (typeof text !== 'string') return undefined
  try {
    return Date.parse(time.read(text))
  } catch (error) {
    if (error instanceof UnfitCell) throw new CommandFailed(`--${option} ${error.message}`, [], error)
    throw error
  }
}
