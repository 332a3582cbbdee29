import type { CsvCell } from './csv-text.ts'
import { type ExportChoices, type ExportedFile, knownHash } from './export-format.ts'
import type { CourseRow, RowOf } from './rows.ts'
import { classTimeText, extraSeat } from './written-tables.ts'

export interface OneRosterChoices extends ExportChoices {
  readonly campus: string
  /** First and last day of the term, YYYY-MM-DD. */
  readonly term: { readonly startDate: string; readonly endDate: string }
}

const common = ['sourcedId', 'status', 'dateLastModified'] as const
/** In a bulk export both are left empty. */
const bulk = [null, null] as const
const none = (count: number): null[] => Array.from<null>({ length: count }).fill(null)

const words = (list: string): string[] => list.split(/\s+/)

const userColumns = words(
  `enabledUser username userIds givenName familyName middleName identifier email sms phone agentSourcedIds grades
  password userMasterIdentifier preferredGivenName preferredMiddleName preferredFamilyName primaryOrgSourcedId pronouns`,
)
const userMetadata = words(
  'enrollmentStartTime enrollmentEndTime maxUnits remainingActions entryYear gender code',
)
const roleColumns = words('userSourcedId roleType role beginDate endDate orgSourcedId userProfileSourcedId')
const classColumns = words(
  `title grades courseSourcedId classCode classType location schoolSourcedId termSourcedIds subjects subjectCodes
  periods`,
)
const classMetadata = words(
  'title lecturer units capacity reserveCapacity classTime examTime examMinutes sexLock notes status code',
)
const enrollmentColumns = words('classSourcedId schoolSourcedId userSourcedId role primary beginDate endDate')

const metadata = (names: readonly string[]): string[] => names.map((name) => `metadata.${name}`)

/**
 * The files of OneRoster 1.2's CSV binding, of a whole campus (a bulk export), in the order in which they are to be
 * written. What OneRoster has no column for stands in `metadata.` columns: docs/moving-data.md lists them. The files
 * remember rows of earlier ones: make them anew for each export.
 */
export function onerosterFiles(choices: OneRosterChoices): readonly ExportedFile[] {
  const { withPasswords } = choices
  const passwordColumns = withPasswords ? ['metadata.passwordHash'] : []
  /** By class: who teaches it. */
  const schools = new Map<string, string>()
  let lastCourse: number | undefined
  return [
    {
      name: 'orgs.csv',
      header: [...common, 'name', 'type', 'identifier', 'parentSourcedId', 'metadata.name'],
      rows: [['campus', ...bulk, choices.campus, 'school', null, null, null]],
      parts: [
        {
          table: 'departments',
          toRows: ({ id, name }: RowOf<'departments'>) => [
            [department(id), ...bulk, oneLine(name), 'department', id, 'campus', whereLonger(name)],
          ],
        },
      ],
    },
    {
      name: 'academicSessions.csv',
      header: [...common, 'title', 'type', 'startDate', 'endDate', 'parentSourcedId', 'schoolYear'],
      rows: [termRow(choices)],
      parts: [],
    },
    {
      name: 'users.csv',
      header: [...common, ...userColumns, ...metadata(userMetadata), ...passwordColumns],
      parts: [
        {
          table: 'staff',
          toRows: (row: RowOf<'staff'>) => [
            [
              ...userCells('staff', row),
              ...none(userMetadata.length - 1),
              row.code ?? null,
              ...hashCell(row, withPasswords),
            ],
          ],
        },
        {
          table: 'students',
          toRows: (row: RowOf<'students'>) => [
            [
              ...userCells('student', row),
              row.enrollment_start_time,
              row.enrollment_end_time,
              row.max_units,
              row.remaining_actions,
              row.entry_year,
              row.gender,
              row.code ?? null,
              ...hashCell(row, withPasswords),
            ],
          ],
        },
      ],
    },
    {
      name: 'roles.csv',
      header: [...common, ...roleColumns],
      parts: [
        { table: 'staff', toRows: (row: RowOf<'staff'>) => [roleCells('staff', row, 'siteAdministrator')] },
        { table: 'students', toRows: (row: RowOf<'students'>) => [roleCells('student', row, 'student')] },
      ],
    },
    {
      name: 'courses.csv',
      header: [
        ...common,
        'schoolYearSourcedId',
        'title',
        'courseCode',
        'grades',
        'orgSourcedId',
        'subjects',
        'subjectCodes',
      ],
      parts: [
        {
          table: 'courses',
          // Groups come by course: the first tells of the course.
          toRows: ({ course_id: id, name, for_department }: CourseRow) => {
            if (id === lastCourse) return []
            lastCourse = id
            return [
              [
                `course-${id}`,
                ...bulk,
                null,
                oneLine(name),
                id,
                null,
                department(for_department),
                null,
                null,
              ],
            ]
          },
        },
      ],
    },
    {
      name: 'classes.csv',
      header: [...common, ...classColumns, ...metadata(classMetadata)],
      parts: [
        {
          table: 'courses',
          toRows: (row: CourseRow) => {
            schools.set(classId(row), department(row.for_department))
            return [classCells(row)]
          },
        },
      ],
    },
    {
      name: 'enrollments.csv',
      header: [...common, ...enrollmentColumns, ...metadata(['place', 'reserveOrder', 'extraSeat'])],
      parts: [
        {
          table: 'enrolled_courses',
          toRows: (row: RowOf<'enrolled_courses'>) => [
            [
              `enrollment-${row.student_id}-${row.course_id}-${row.group_id}`,
              ...bulk,
              classId(row),
              schools.get(classId(row)) ?? 'campus',
              `student-${row.student_id}`,
              'student',
              ...none(3),
              row.reserved ? 'reserved' : 'registered',
              row.reserve_order,
              extraSeat(row),
            ],
          ],
        },
      ],
    },
  ]
}

const manifestFiles = words(
  `academicSessions categories classes classResources courses courseResources demographics enrollments
  lineItemLearningObjectiveIds lineItems lineItemScoreScales orgs resources resultLearningObjectiveIds results
  resultScoreScales roles scoreScales userProfiles userResources users`,
)

/** @param written names of the files that have rows; a file without any must not be there */
export function manifestOf(written: readonly string[], { campus }: OneRosterChoices): ExportedFile {
  return {
    name: 'manifest.csv',
    header: ['propertyName', 'value'],
    rows: [
      ['manifest.version', '1.0'],
      ['oneroster.version', '1.2'],
      ...manifestFiles.map((name) => [`file.${name}`, written.includes(`${name}.csv`) ? 'bulk' : 'absent']),
      ['source.systemName', 'course-enrollment'],
      ['source.systemCode', campus],
    ],
    parts: [],
  }
}

function department(id: number): string {
  return `department-${id}`
}

function classId({ course_id, group_id }: { readonly course_id: number; readonly group_id: number }): string {
  return `class-${course_id}-${group_id}`
}

function termRow({ term: { startDate, endDate } }: OneRosterChoices): CsvCell[] {
  return ['term', ...bulk, `Term from ${startDate}`, 'term', startDate, endDate, null, endDate.slice(0, 4)]
}

/** The engine knows nobody's name; OneRoster wants one. */
function userCells(kind: 'staff' | 'student', { id, department_id }: RowOf<'staff'>): CsvCell[] {
  const given = kind === 'staff' ? 'Staff' : 'Student'
  const names = ['true', id, null, given, id, null, id]
  return [`${kind}-${id}`, ...bulk, ...names, ...none(10), department(department_id), null]
}

function hashCell({ password }: { readonly password: string }, withPasswords: boolean): CsvCell[] {
  if (!withPasswords) return []
  return [knownHash(password)]
}

function roleCells(kind: string, { id, department_id }: RowOf<'staff'>, role: string): CsvCell[] {
  const user = `${kind}-${id}`
  return [`role-${user}`, ...bulk, user, 'primary', role, null, null, department(department_id), null]
}

function classCells(row: CourseRow): CsvCell[] {
  const school = department(row.for_department)
  const own = [
    whereLonger(row.name),
    escaped(row.lecturer),
    row.units,
    row.capacity,
    row.reserve_capacity,
    classTimeText(row),
  ]
  return [
    classId(row),
    ...bulk,
    oneLine(row.name),
    null,
    `course-${row.course_id}`,
    row.group_id,
    'scheduled',
    null,
    school,
    'term',
    ...none(3),
    ...own,
    row.exam_time,
    row.exam_minutes,
    row.sex_lock,
    escaped(row.notes),
    row.status,
    row.code ?? null,
  ]
}

/** A name as other programs show it. */
function oneLine(name: string): string {
  return name.replaceAll(lineBreaks, ' ')
}

/** The whole name, where `oneLine` changes it. */
function whereLonger(name: string): CsvCell {
  return oneLine(name) === name ? null : escaped(name)
}

const lineBreaks = /[\r\n\t]+/g

/** Line breaks are not permitted within a cell. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
}
