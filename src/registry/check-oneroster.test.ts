import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { CheckedFiles } from './check-table.ts'
import { checkOneRoster } from './check-oneroster.ts'
import { bcrypt, folder, nobodyInDatabase, rowsOf } from './csv-fixture.ts'
import { RegistryFileError } from './file-findings.ts'
import { nobodysPassword, type RowSource } from './rows.ts'

/** As another system writes it: texts for ids, columns of its own, people and schools that do not matter here. */
const files = {
  manifest:
    'propertyName,value\nmanifest.version,1.0\noneroster.version,1.2\nfile.users,bulk\nfile.results,delta\n',
  orgs: `sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId
u1,,,The University,school,,
d-phys,,,Physics,department,3,u1
`,
  roles: `sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId
r1,,,ada,primary,siteAdministrator,,,d-phys,
r2,,,max,primary,student,,,d-phys,
r3,,,max,secondary,aide,,,d-phys,
r4,,,lin,primary,student,,,d-phys,
`,
  users: `sourcedId,enabledUser,username,givenName,familyName,identifier,password,primaryOrgSourcedId,metadata.passwordHash,metadata.enrollmentStartTime,metadata.maxUnits,metadata.remainingActions,metadata.entryYear,metadata.gender,metadata.shoeSize
ada,true,ada,Ada,L,7,,d-phys,${bcrypt},,,,,,
max,true,max,Max,P,21,secret,d-phys,,2026-09-01T07:00Z,20,12,2024,male,44
lin,true,lin,Lin,Q,22,secret,d-phys,,2026-09-01T07:00Z,20,12,2024,female,39
guest,true,guest,G,U,,,u1,,,,,,,
`,
  courses: 'sourcedId,title,courseCode,orgSourcedId\nc-opt,Optics,401,d-phys\n',
  classes: `sourcedId,title,courseSourcedId,classCode,classType,schoolSourcedId,termSourcedIds,metadata.lecturer,metadata.units,metadata.capacity,metadata.notes
k1,Optics,c-opt,1,scheduled,d-phys,t1,Lise,3,1,first\\nsecond \\\\ third
`,
  enrollments: `sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role,metadata.reserveOrder
e0,k1,d-phys,ada,teacher,
e1,k1,d-phys,max,student,
e2,k1,d-phys,lin,student,5
`,
}

async function check(
  changes: Partial<Record<keyof typeof files, string>> = {},
  withoutPasswords = false,
  staffRoles?: readonly string[],
  forChanging = false,
) {
  const place = mkdtempSync(join(folder, 'oneroster-'))
  for (const [name, text] of Object.entries({ ...files, ...changes })) {
    writeFileSync(join(place, `${name}.csv`), text)
  }
  return await checkOneRoster(place, {
    knownInDatabase: nobodyInDatabase,
    withoutPasswords,
    staffRoles,
    forChanging,
  })
}

async function idsOf(checked: CheckedFiles, table: 'staff' | 'students'): Promise<number[]> {
  await checked.hashPasswords(async (plain) => plain)
  const source: RowSource<{ readonly id: number }> = checked[table]
  return (await rowsOf(source)).map(({ id }) => id)
}

async function faultsOf(changes: Partial<Record<keyof typeof files, string>>): Promise<string[]> {
  const error = await check(changes).then(
    () => assert.fail('the files were accepted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof RegistryFileError, String(error))
  return error.message.split('\n').map((line) => line.replace(/^.*\/oneroster-\w+\//, ''))
}

test('another system’s OneRoster files are loaded by what they say of each other', async () => {
  const { checked } = await check()
  await checked.hashPasswords(async (plain) => `hash of ${plain}`)
  assert.deepEqual(await rowsOf(checked.departments), [{ id: 3, name: 'Physics' }])
  assert.deepEqual(await rowsOf(checked.staff), [{ id: 7, password: bcrypt, department_id: 3, code: null }])
  assert.deepEqual(
    (await rowsOf(checked.students)).map(({ id, password }) => [id, password]),
    [
      [21, 'hash of secret'],
      [22, 'hash of secret'],
    ],
  )
  const [course] = await rowsOf(checked.courses)
  assert.deepEqual(
    [course?.course_id, course?.group_id, course?.for_department, course?.reserve_capacity, course?.notes],
    [401, 1, 3, 0, 'first\nsecond \\ third'],
  )
  assert.deepEqual(await rowsOf(checked.enrolled_courses), [
    { course_id: 401, group_id: 1, student_id: 21, reserved: false, reserve_order: null, extra_seat: false },
    { course_id: 401, group_id: 1, student_id: 22, reserved: true, reserve_order: 5, extra_seat: false },
  ])
  assert.equal(checked.students.count, 2)
})

test('a user without a password is told by line, or taken as one who cannot log in', async () => {
  const users = files.users.replace('Max,P,21,secret', 'Max,P,21,')
  assert.deepEqual(await faultsOf({ users }), [
    'users.csv line 3, metadata.passwordHash: is empty, and so is password_plain; wants a hash, or a plain password there',
  ])
  const { checked } = await check({ users }, true)
  await checked.hashPasswords(async (plain) => plain)
  assert.equal((await rowsOf(checked.students))[0]?.password, nobodysPassword)
})

test('what does not fit is told by file, line and column', async () => {
  assert.deepEqual(
    await faultsOf({
      users: files.users
        .replace('22,secret,d-phys', '22,secret,d-chem')
        .replace(',20,12,2024,male', ',many,12,2024,male'),
    }),
    [
      'users.csv line 3, metadata.maxUnits: is "many"; wants a whole number from 0 to 32767',
      'users.csv line 4, primaryOrgSourcedId: is "d-chem", which is not in orgs.csv as a department',
    ],
  )
  assert.deepEqual(await faultsOf({ classes: files.classes.replace('metadata.capacity', 'capacity') }), [
    'classes.csv line 1, metadata.capacity: is missing',
  ])
  assert.deepEqual(
    await faultsOf({ enrollments: files.enrollments.replace('lin,student,5', 'lin,student,') }),
    [
      'enrollments.csv line 4, course_id, group_id: is 401/1, where this is seat 2 of 1; an extra seat must say that it is one',
    ],
  )
  assert.deepEqual(
    await faultsOf({ enrollments: files.enrollments.replace('k1,d-phys,lin', 'k9,d-phys,lin') }),
    ['enrollments.csv line 4, classSourcedId: is "k9", which is not in classes.csv'],
  )
})

test('only roles that are named make staff: a parent, a teacher and a former administrator are counted and skipped', async () => {
  const roles = `${files.roles}r5,,,dad,primary,parent,,,d-phys,
r6,,,eve,primary,teacher,,,d-phys,
r7,,,old,primary,districtAdministrator,,2020-01-01,d-phys,
r8,tobedeleted,,fox,primary,siteAdministrator,,,d-phys,
`
  const person = (name: string, id: number) => `${name},true,${name},N,N,${id},secret,d-phys,,,,,,,\n`
  const people = ['dad', 'eve', 'old', 'fox'].map((name, index) => person(name, 31 + index))
  const users = files.users + people.join('')
  const { checked, skipped } = await check({ roles, users })
  assert.deepEqual(await idsOf(checked, 'staff'), [7])
  assert.equal(skipped, 'skipped: users 3 without a primary role, 1 parent, 1 teacher; rows to be deleted 1')
  const { checked: others } = await check({ roles, users }, false, ['teacher'])
  assert.deepEqual(await idsOf(others, 'staff'), [32])
})

test('primary roles in two organizations are valid, and staff belong where they are staff', async () => {
  const orgs = `${files.orgs}d-math,,,Maths,department,4,u1\n`
  const roles = `${files.roles}r5,,,ada,primary,teacher,,,d-math,\nr6,,,lin,primary,administrator,,,d-math,\n`
  const { checked } = await check({ orgs, roles })
  await checked.hashPasswords(async (plain) => plain)
  assert.deepEqual(
    (await rowsOf(checked.staff)).map(({ id, department_id }) => [id, department_id]),
    [
      [7, 3],
      [22, 4],
    ],
  )
  assert.equal(checked.students.count, 2)
  assert.deepEqual(await faultsOf({ roles: `${files.roles}r5,,,ada,primary,teacher,,,d-phys,\n` }), [
    'roles.csv line 6, userSourcedId, orgSourcedId: is ada, d-phys again; first on line 2',
  ])
})

test('rows that are to be deleted are skipped, with what refers to them', async () => {
  const withStatus = files.users.replaceAll(/^(\w+),/gm, '$1,,').replace('sourcedId,,', 'sourcedId,status,')
  const user = await check({ users: withStatus.replace('max,,', 'max,tobedeleted,') })
  assert.deepEqual(await idsOf(user.checked, 'students'), [22])
  assert.equal(user.checked.enrolled_courses.count, 1)
  assert.match(user.skipped ?? '', /; rows to be deleted 1; rows that refer to those 1$/)
  const course = await check({
    courses: files.courses.replace('sourcedId,', 'sourcedId,status,').replace('c-opt,', 'c-opt,tobedeleted,'),
  })
  assert.equal(course.checked.courses.count, 0)
  assert.equal(course.checked.enrolled_courses.count, 0)
  assert.match(course.skipped ?? '', /; rows to be deleted 1; rows that refer to those 3$/)
})

test('who is not enabled is no staff; a student keeps the seat and cannot log in', async () => {
  const users = files.users.replace('ada,true', 'ada,false').replace('max,true', 'max,FALSE')
  const { checked, skipped } = await check({ users })
  await checked.hashPasswords(async (plain) => plain)
  assert.equal(checked.staff.count, 0)
  assert.deepEqual(
    (await rowsOf(checked.students)).map(({ id, password }) => [id, password]),
    [
      [21, nobodysPassword],
      [22, 'secret'],
    ],
  )
  assert.equal(checked.enrolled_courses.count, 2)
  assert.equal(
    skipped,
    'skipped: users 1 staff who are not enabled, 1 without a primary role; students who are not enabled and cannot log in: 1',
  )
  assert.deepEqual(await faultsOf({ users: files.users.replace('ada,true', 'ada,maybe') }), [
    'users.csv line 2, enabledUser: is "maybe"; wants yes or no',
  ])
})

test('who is not enabled brings no password to a campus that is there either', async () => {
  const users = files.users.replace('max,true', 'max,false')
  const { checked } = await check({ users }, false, undefined, true)
  const people = []
  for await (const { row, plain, mayLogIn } of checked.lined('students')?.rows() ?? []) {
    people.push([row.id, plain, mayLogIn])
  }
  assert.deepEqual(people, [
    [21, '', false],
    [22, 'secret', true],
  ])
})

test('the manifest is believed: bulk must be there, absent is not read, a version must be named', async () => {
  assert.deepEqual(await faultsOf({ manifest: `${files.manifest}file.demographics,bulk\n` }), [
    'manifest.csv line 6, value: is bulk, but there is no demographics.csv',
  ])
  const { checked } = await check({ manifest: `${files.manifest}file.enrollments,absent\n`, enrollments: '' })
  assert.equal(checked.enrolled_courses.count, 0)
  assert.deepEqual(await faultsOf({ manifest: files.manifest.replace('oneroster.version,1.2\n', '') }), [
    'manifest.csv: has no oneroster.version; wants 1.2',
  ])
  assert.deepEqual(await faultsOf({ manifest: files.manifest.replace('users,bulk', 'users,Full') }), [
    'manifest.csv line 4, value: is "Full"; wants a bulk export, with every row',
  ])
})

test('another version, and a file that holds changes only, are refused', async () => {
  assert.deepEqual(await faultsOf({ manifest: files.manifest.replace('1.2', '1.1') }), [
    'manifest.csv line 3, value: is OneRoster 1.1; wants 1.2',
  ])
  assert.deepEqual(await faultsOf({ manifest: files.manifest.replace('users,bulk', 'users,delta') }), [
    'manifest.csv line 4, value: is delta; wants a bulk export, with every row',
  ])
  await assert.rejects(
    checkOneRoster(join(folder, 'nowhere'), { knownInDatabase: nobodyInDatabase }),
    /nowhere: is no folder that can be read \(ENOENT\)/,
  )
})
