import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { freePort } from '../../src/embedded/cluster.ts'
import { enrollment, processKeeper, Program, ServerProcess } from '../../kit/command-line.ts'
import { createDatabase, type TestDatabase } from '../../kit/servers/provide.ts'

const run = promisify(execFile)
const cli = join(import.meta.dirname, '../../src/cli.ts')

function newFolder(name: string): string {
  const folder = join(processKeeper().directory, name)
  mkdirSync(folder, { mode: 0o755 })
  chmodSync(folder, 0o755)
  return folder
}

/** Types a line into a shell; `enrollment` is ours. */
async function type(
  line: string,
  environment: Record<string, string>,
): Promise<{ stdout: string; stderr: string }> {
  const script = `enrollment() { ${process.execPath} ${cli} "$@"; }\n${line}`
  return await run('bash', ['-c', script], { env: { PATH: process.env['PATH'], HOME: '/', ...environment } })
}

describe('a reader that has enough of the output', () => {
  let database: TestDatabase
  let environment: Record<string, string>
  before(async () => {
    database = await createDatabase()
    environment = { DATABASE_URL: database.url }
  })
  after(() => database.drop())

  test('ends no migration, and no adoption', async () => {
    const migrated = await type('enrollment migrate | true; echo ${PIPESTATUS[0]}', environment)
    assert.deepEqual(migrated, { stdout: '0\n', stderr: '' })
    const again = await enrollment(['migrate'], environment)
    assert.match(again.stdout, /: the tables are up to date; nothing was to be applied\n$/)
    const adopted = await type('enrollment adopt --apply | true; echo ${PIPESTATUS[0]}', environment)
    assert.deepEqual(adopted, { stdout: '0\n', stderr: '' })
  })

  test('ends an export without a word', async () => {
    const line = 'enrollment export --decisions - --format ndjson | true; [ ${PIPESTATUS[0]} != 1 ]'
    const { stdout, stderr } = await type(line, environment)
    assert.equal(stdout, '')
    assert.doesNotMatch(stderr, /EPIPE|at .*:\d+/)
    const help = await type('enrollment --help | true; echo ${PIPESTATUS[0]}', {})
    assert.deepEqual(help, { stdout: '0\n', stderr: '' })
  })
})

describe('enrollment start', () => {
  test('finds that its port is taken before it makes anything', async () => {
    const folder = newFolder('taken')
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const environment = { LISTEN_ADDRESS: `127.0.0.1:${port}`, ENROLLMENT_DATA: join(folder, 'data') }
    const { code, stdout, stderr } = await enrollment(['start'], environment)
    other.close()
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^enrollment: another process serves on 127\.0\.0\.1:\d+: [^\n]+\n$/)
    assert.equal(existsSync(join(folder, 'data')), false)
  })

  test('says what initdb said when the disk takes no more', async () => {
    const environment = {
      LISTEN_ADDRESS: `127.0.0.1:${await freePort()}`,
      ENROLLMENT_DATA: join(newFolder('full'), 'data'),
    }
    const failed = await type('ulimit -f 64; enrollment start', environment).then(
      () => assert.fail('it started'),
      (error: { code: number; stderr: string }) => error,
    )
    assert.equal(failed.code, 1)
    assert.match(failed.stderr, /^enrollment: PostgreSQL's initdb could not make a database in /m)
    assert.doesNotMatch(failed.stderr, /^ +at /m)
  })

  test('stops everything when its terminal is closed, whatever signal follows', async () => {
    const environment = {
      LISTEN_ADDRESS: `127.0.0.1:${await freePort()}`,
      ENROLLMENT_DATA: join(newFolder('closed'), 'data'),
    }
    const postmaster = join(environment.ENROLLMENT_DATA, 'postgresql/cluster/postmaster.pid')
    processKeeper().atEnd('closed', `[ -f ${postmaster} ] && end QUIT $(head -n 1 ${postmaster})`)
    const program = new Program(['start'], environment)
    await program.untilSays(/Stop with Ctrl-C/)
    assert.equal(existsSync(postmaster), true)
    for (const signal of ['SIGHUP', 'SIGTERM', 'SIGHUP'] as const) program.signal(signal)
    const { code, signal, stderr } = await program.ended
    assert.deepEqual([code, signal], [0, null], stderr)
    assert.equal(existsSync(postmaster), false, 'PostgreSQL has stopped')
    assert.equal(existsSync(join(environment.ENROLLMENT_DATA, 'lock')), false)
  })
})

describe('enrollment start --empty', () => {
  test('waits for the campus that is loaded and serves it; a later load names who leads, and loads nothing', async () => {
    const folder = newFolder('own')
    const port = await freePort()
    const environment = {
      LISTEN_ADDRESS: `127.0.0.1:${port}`,
      ENROLLMENT_DATA: join(folder, 'data'),
    }
    const postmaster = join(environment.ENROLLMENT_DATA, 'postgresql/cluster/postmaster.pid')
    processKeeper().atEnd('own', `[ -f ${postmaster} ] && end QUIT $(head -n 1 ${postmaster})`)
    const program = new ServerProcess(['start', '--empty'], environment, `http://127.0.0.1:${port}`)
    await program.untilSays(/^This campus is empty\..*the same ENROLLMENT_DATA;/)
    const file = (name: string, ...lines: string[]) => {
      writeFileSync(join(folder, `${name}.csv`), `${lines.join('\n')}\n`)
      return [`--${name}`, join(folder, `${name}.csv`)]
    }
    const loaded = await enrollment(
      [
        'load',
        ...file('departments', 'id,name', '1,Physics'),
        ...file(
          'students',
          'id,password_plain,enrollment_start_time,max_units,remaining_actions,department_id,entry_year,gender',
          '1,secret-1,2020-01-01T00:00Z,20,12,1,1402,female',
        ),
        ...file(
          'courses',
          'course_id,group_id,for_department,name,lecturer,units,capacity,reserve_capacity,class_time',
          '401,1,1,Optics,Ada,3,1,5,',
        ),
      ],
      environment,
    )
    assert.equal(loaded.code, 0, loaded.stderr)
    await program.untilSays(/^Enrollment is open: campus /)
    const login = await program.client.send('POST /login', { body: { user: 1, password: 'secret-1' } })
    assert.equal(login.status, 200, login.text)
    assert.match((await program.client.send('GET /')).text, /"docs":"\/docs".*"health":"\/healthz"/)
    const late = await enrollment(['load', ...file('departments', 'id,name', '2,Maths')], environment)
    assert.equal(late.code, 1)
    assert.match(late.stderr, /^enrollment: a server leads: enrollment start at \S+ \(term 1 since [^\n]+\n$/)
    assert.equal((await program.stop()).code, 0)
  })
})

test('--version says the version', async () => {
  const { code, stdout } = await enrollment(['--version'])
  assert.equal(code, 0)
  assert.match(stdout, /^enrollment \d+\.\d+\.\d+\n$/)
})
