import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { hash } from '@node-rs/bcrypt'
import { freePort } from '../../src/embedded/cluster.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { openDatabase } from '../../src/store/database.ts'
import { fillCampus, silent } from '../../kit/campus-database.ts'
import { enrollment, type Environment, processKeeper, Program } from '../../kit/command-line.ts'
import { eventually } from '../../kit/eventually.ts'
import { readText, root } from '../ops/repository.ts'
import { canMakeCertificates, makeCertificates } from '../security/certificates.ts'
import { startPostgres, type TestPostgres } from '../../kit/servers/postgres.ts'
import { startRabbit } from '../../kit/servers/rabbit.ts'
import type { TestRabbit } from '../../kit/servers/rabbit-node.ts'

const run = promisify(execFile)
const hasPsql = await run('psql', ['--version']).then(
  () => true,
  () => false,
)
const lacks = [...(hasPsql ? [] : ['psql']), ...((await canMakeCertificates()) ? [] : ['openssl'])]
const oldSecret = 'change-me-change-me-change-me-change-me'
const newSecret = 'another-key-another-key-another-key-another-key'

/** What needs a machine to spare, or is checked elsewhere. `install` gives files to groups that are not here. */
const stubs = {
  useradd: '',
  git: '',
  npm: '',
  systemctl: '',
  install: `
    for word; do shift; [ "$word" = -g ] && skip=1 && continue; [ "\${skip-}" = 1 ] && skip= && continue; set -- "$@" "$word"; done
    exec /usr/bin/install "$@"`,
}

/** The section of docs/deploying.md, step by step, on folders in place of the machine's. */
describe('docs/deploying.md, with systemd', {
  skip: lacks.length > 0 && `NOT RUN: no ${lacks.join(', ')}`,
}, () => {
  let postgres: TestPostgres
  let rabbit: TestRabbit
  let folder: string
  let authority: string
  const ports = { http: 0, core: 0, gateway: 0 }
  /** What runs now, by the unit's name. */
  const programs = new Map<string, Program>()

  before(async () => {
    folder = join(processKeeper().directory, 'deploying')
    for (const name of ['bin', 'units']) mkdirSync(join(folder, name), { recursive: true })
    for (const [name, script] of Object.entries(stubs)) {
      writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(folder, 'bin', name), 0o755)
    }
    ;({ authority } = await makeCertificates(join(folder, 'root'), undefined))
    ;[postgres, rabbit] = await Promise.all([startPostgres(), startRabbit()])
    for (const name of ['http', 'core', 'gateway'] as const) ports[name] = await freePort()
  })
  after(async () => {
    await Promise.all([...programs.values()].map((program) => program.kill()))
    await Promise.all([postgres.remove(), rabbit.remove()])
  })

  /** A path or an address of the machine that the page is written for, as it is here. */
  function here(text: string): string {
    const { hostname, port } = new URL(rabbit.address)
    return text
      .replaceAll(/(?<=\s)\/root\//g, `${join(folder, 'root')}/`)
      .replaceAll('/opt/enrollment', root)
      .replaceAll('/etc/enrollment', join(folder, 'etc'))
      .replaceAll('/etc/systemd/system', join(folder, 'units'))
      .replaceAll('/usr/bin/node', process.execPath)
      .replaceAll('db.example.edu/campus?sslmode=verify-full', `${new URL(postgres.url).host}/campus`)
      .replaceAll('amqps://', 'amqp://')
      .replaceAll('mq.example.edu:5671', `${hostname}:${port}`)
      .replaceAll('engine-1.example.edu:9000,engine-2.example.edu:9000', `127.0.0.1:${ports.core}`)
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${ports.http}`)
      .replaceAll('0.0.0.0:9000', `127.0.0.1:${ports.core}`)
      .replaceAll(':8443', `:${ports.gateway}`)
  }

  /** Types a block of the page into a shell, as root of the machine would. */
  async function type(lines: string): Promise<void> {
    const { hostname, port, username, password } = new URL(postgres.url)
    await run('sh', ['-euc', here(lines)], {
      env: {
        PATH: `${join(folder, 'bin')}:${process.env['PATH']}`,
        HOME: folder,
        PGHOST: hostname,
        PGPORT: port,
        PGUSER: username,
        PGPASSWORD: decodeURIComponent(password),
      },
    })
  }

  /** What stands on the page between two of its lines, typed in order; rabbitmqctl is the test broker's. */
  async function follow(section: string): Promise<number> {
    const blocks = section.match(/(?:^ {7}\S.*\n)+/gm) ?? []
    for (const block of blocks) {
      if (!block.includes('rabbitmqctl')) await type(block)
      for (const [, line = ''] of block.matchAll(/^ *rabbitmqctl (.*)$/gm)) {
        const { stdout } = await run('sh', ['-c', `printf '%s\\n' ${line}`])
        await rabbit.control(...stdout.trimEnd().split('\n'))
      }
    }
    return blocks.length
  }

  /** As systemd reads an environment file, or the `Environment=` lines of a unit. */
  function assignmentsIn(text: string): Environment {
    return Object.fromEntries(
      [...text.matchAll(/^([A-Z_]+)=(?:"(.*)"|(.*))$/gm)].map(([, name, quoted, bare]) => [
        name,
        quoted ?? bare,
      ]),
    ) as Environment
  }

  function environmentOf(unit: string): Environment {
    const files = [...unit.matchAll(/^EnvironmentFile=(.*)$/gm)].map(([, path = '']) =>
      readFileSync(here(path), 'utf8'),
    )
    // What the files say counts more than what the unit says.
    const own = unit.match(/^Environment=.*$/gm)?.map((line) => line.slice('Environment='.length)) ?? []
    return assignmentsIn(here([...own, ...files].join('\n')))
  }

  /** What systemd starts for a unit, with the unit's environment and no other. */
  function start(name: string): Program {
    const unit = readFileSync(join(folder, 'units', `enrollment-${name}.service`), 'utf8')
    const [, command = ''] =
      /^ExecStart=\/usr\/bin\/node \/opt\/enrollment\/src\/cli\.ts (.*)$/m.exec(unit) ?? []
    const environment = environmentOf(unit)
    readConfig(environment)
    // The metrics' usual ports may be somebody else's here.
    return new Program(command.split(' '), { ...environment, ENROLLMENT_METRICS_ADDRESS: 'off' })
  }

  /** Asks the gateway, as a client does. */
  async function ask(method: string, path: string, more: { token?: string; body?: object } = {}) {
    const { token, body } = more
    return await new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: ports.gateway,
          method,
          path,
          agent: false,
          ca: readFileSync(authority),
          servername: 'localhost',
          headers: {
            ...(body !== undefined && { 'content-type': 'application/json' }),
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
          },
        },
        (answer) => {
          let text = ''
          answer.on('data', (chunk) => (text += String(chunk)))
          answer.on('end', () =>
            resolve({ status: answer.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) }),
          )
        },
      )
      outgoing.once('error', reject)
      outgoing.end(body && JSON.stringify(body))
    })
  }

  /** The status of an answer, once there is one that is not for want of a program that is being started. */
  async function statusOf(...[method, path, more]: Parameters<typeof ask>): Promise<number> {
    let status = 0
    await eventually(async () => {
      for (const program of programs.values()) assert.ok(!program.hasEnded, program.said)
      status = await ask(method, path, more).then(
        (answer) => answer.status,
        () => 0,
      )
      if (![0, 429, 503].includes(status)) return true
      // A student's requests are limited.
      await pause(250)
      return false
    })
    return status
  }

  async function logIn(): Promise<string> {
    const { body } = await ask('POST', '/login', { body: { user: 1, password: 'pass-1234' } })
    return String(body['token'])
  }

  const places = (token: string) => statusOf('GET', '/student/course', { token })

  const page = readText('docs/deploying.md')
  const section = page.slice(page.indexOf('\n## With systemd'), page.indexOf('\n## With Kubernetes'))
  const settings = () => join(folder, 'etc/enrollment.env')

  /** The hosts that the page cannot know. */
  function fillIn(): void {
    for (const name of readdirSync(join(folder, 'etc'))) {
      const path = join(folder, 'etc', name)
      if (name.endsWith('.env')) writeFileSync(path, here(readFileSync(path, 'utf8')))
    }
  }

  async function restart(name: string): Promise<void> {
    const last = programs.get(name)
    if (last !== undefined) assert.equal((await last.stop()).code, 0, last.said)
    programs.set(name, start(name))
  }

  test('followed literally, makes a campus with a batcher, a server and a gateway that speaks TLS', async () => {
    const second = section.indexOf('\n2. ')
    assert.equal(await follow(section.slice(0, second)), 1)
    fillIn()
    assert.equal(await follow(section.slice(second)), 5)
    fillIn()
    for (const [name, mode] of [
      ['enrollment.env', 0o600],
      ['batcher.env', 0o600],
      ['gateway.env', 0o600],
      ['migrator.env', 0o600],
      ['server.key', 0o640],
    ] as const) {
      assert.equal(statSync(join(folder, 'etc', name)).mode & 0o777, mode, name)
    }
    const superuser = new URL(postgres.url)
    superuser.pathname = '/campus'
    const database = await openDatabase(superuser.href, { logger: silent })
    try {
      await fillCampus(database, 10)
      await database.query('UPDATE students SET password = $1', [await hash('pass-1234', { cost: 4 })])
      assert.deepEqual(await database.query('SELECT id, database_id IS NOT NULL AS known FROM campus'), [
        { id: 'north', known: true },
      ])
      for (const name of ['batcher', 'server', 'gateway']) await restart(name)
      assert.equal(await statusOf('GET', '/readyz'), 200)
      const token = await logIn()
      const body = { course_id: 102, group_id: 1 }
      assert.equal((await ask('PUT', '/student/course', { token, body })).status, 204)
      const written = () => database.query('SELECT student_id FROM enrolled_courses WHERE course_id = 102')
      await eventually(async () => (await written()).length === 1)
      const users = await database.query<{ usename: string }>(
        "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name ~ '^enrollment (batcher|server)' ORDER BY 1",
      )
      assert.deepEqual(
        users.map(({ usename }) => usename),
        ['enrollment_batcher', 'enrollment_server'],
      )
    } finally {
      await database.close()
    }
  })

  test('the key of the tokens is changed with nobody logged out, gateways in front', async () => {
    const key = (keys: string) => {
      writeFileSync(
        settings(),
        readFileSync(settings(), 'utf8').replace(/^JWT_SECRET=.*$/m, `JWT_SECRET=${keys}`),
      )
    }
    const old = await logIn()
    key(`${oldSecret},${newSecret}`)
    await restart('server')
    assert.equal(await places(old), 200)
    await restart('gateway')
    key(`${newSecret},${oldSecret}`)
    await restart('server')
    assert.equal(await places(old), 200)
    await restart('gateway')
    assert.equal(await places(old), 200)
    const fresh = await logIn()
    assert.equal(await places(fresh), 200)
    key(newSecret)
    await restart('server')
    assert.deepEqual([await places(old), await places(fresh)], [200, 200])
    await restart('gateway')
    assert.deepEqual([await places(old), await places(fresh)], [401, 200])
  })

  test('the owner of the tables backs the campus up, and restores it as docs/backup.md says', async () => {
    const owner = assignmentsIn(readFileSync(join(folder, 'etc/migrator.env'), 'utf8'))
    const file = join(folder, 'campus.enrollment')
    const said = await enrollment(['backup', file], owner)
    assert.equal(said.code, 0, said.stderr)
    const [createdb = ''] = /^ *createdb .*$/m.exec(readText('docs/backup.md')) ?? []
    await type(createdb)
    const environment = { ...owner, DATABASE_URL: `${owner['DATABASE_URL']}_new` }
    for (const args of [['restore', file], ['migrate', '--moved'], ['verify']]) {
      const { code, stdout, stderr } = await enrollment(args, environment)
      assert.equal(code, 0, stdout + stderr)
    }
  })

  test('the owner of the tables loads files once nobody leads', async () => {
    const owner = assignmentsIn(readFileSync(join(folder, 'etc/migrator.env'), 'utf8'))
    const file = join(folder, 'departments.csv')
    writeFileSync(file, 'id,name\n77,Weaving\n')
    const load = ['load', '--update', '--departments', file]
    assert.match((await enrollment(load, owner)).stderr, /a server leads: enrollment server \(term \d/)
    for (const name of ['gateway', 'server', 'batcher']) {
      assert.equal((await programs.get(name)?.stop())?.code, 0, name)
    }
    const { code, stderr } = await enrollment(load, owner)
    assert.equal(code, 0, stderr)
  })
})
