import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { Ajv, type ValidateFunction } from 'ajv'
import { parse, parseAllDocuments } from 'yaml'
import { nodeFlags } from '../../kit/load/cli-process.ts'
import { readConfig } from '../../src/config/read-config.ts'
import { readText, root } from './repository.ts'

type Variables = Readonly<Record<string, string | undefined>>

const manifests = readdirSync(join(root, 'ops/kubernetes')).map((name) => `ops/kubernetes/${name}`)
const units = readdirSync(join(root, 'ops/systemd')).filter((name) => name.endsWith('.service'))
const commands = new Set(['server', 'batcher', 'gateway', 'migrate', 'load', '--help'])

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'enrollment-ops-'))
  // The image runs as another user.
  chmodSync(folder, 0o755)
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function complaints(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  )
}

interface ComposeService {
  readonly image?: string
  readonly command?: readonly string[]
  readonly environment?: Variables
  readonly profiles?: readonly string[]
  readonly deploy?: { readonly replicas?: number }
}

function compose(): { readonly services: Readonly<Record<string, ComposeService>> } {
  return parse(readText('compose.yaml'), { merge: true })
}

test('compose.yaml is as the Compose Specification wants it', () => {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true })
  const { $schema: _draft, ...schema } = JSON.parse(readText('ops/schemas/compose-spec.json')) as Record<
    string,
    unknown
  >
  const validate = ajv.compile(schema)
  assert.deepEqual(complaints(validate, compose()), [])
  const misspelled = { services: { one: { imagee: 'x' } } }
  assert.notDeepEqual(complaints(validate, misspelled), [], 'the schema finds a misspelled key')
})

test('compose.yaml has two servers, two batchers, a gateway that knows both servers, and three broker nodes', () => {
  const { services } = compose()
  const ours = Object.entries(services).filter(([, { image }]) => image === 'enrollment')
  const running = ours.filter(([, { profiles = [] }]) => profiles.length === 0)
  const counts: Record<string, number> = {}
  for (const [, { command: [name = ''] = [], deploy }] of running) {
    counts[name] = (counts[name] ?? 0) + (deploy?.replicas ?? 1)
  }
  assert.deepEqual(counts, { gateway: 1, server: 2, batcher: 2 })
  const cores = services['gateway']?.environment?.['CORE_ADDRESS']?.split(',')
  assert.deepEqual(cores, ['server-1:9000', 'server-2:9000'])
  const nodes = Object.keys(services).filter((name) => name.startsWith('rabbitmq-'))
  for (const [index, node] of nodes.entries()) {
    const listed = `cluster_formation.classic_config.nodes.${index + 1} = rabbit@${node}\n`
    assert.ok(readText('ops/rabbitmq.conf').includes(listed), listed)
  }
  assert.equal(nodes.length, 3)
})

test('the program takes every environment that compose.yaml gives it', () => {
  for (const [name, { image, environment = {}, command: [command = ''] = [] }] of Object.entries(
    compose().services,
  )) {
    if (image !== 'enrollment') continue
    assert.ok(commands.has(command), `${name}: ${command}`)
    const filled = Object.entries(environment).map(([variable, text]) => [variable, fillIn(String(text))])
    assert.doesNotThrow(() => readConfig(Object.fromEntries(filled) as Variables), name)
  }
})

/** What Compose makes of `${NAME:?}` and `${NAME:-default}` with letters and digits in `.env`. */
function fillIn(text: string): string {
  return text
    .replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1')
    .replaceAll(/\$\{\w+:\?\}/g, '0123456789abcdef0123456789abcdef')
}

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Variables
  readonly stringData?: Variables
  readonly spec?: { readonly template?: { readonly spec: PodSpec } }
}

interface PodSpec {
  readonly enableServiceLinks?: boolean
  readonly containers: readonly {
    readonly args: readonly string[]
    readonly env?: readonly { readonly name: string; readonly value: string }[]
  }[]
}

function objectsOf(path: string): readonly Manifest[] {
  return parseAllDocuments(readText(path)).map((document) => document.toJS() as Manifest)
}

const objects = manifests.filter((path) => !path.endsWith('kustomization.yaml')).flatMap(objectsOf)

test('every Kubernetes object is as the API of its kind wants it, with no field that it does not know', () => {
  const { kinds, $defs } = JSON.parse(readText('ops/schemas/kubernetes.json')) as {
    kinds: Record<string, object>
    $defs: object
  }
  const ajv = new Ajv({ strict: false, allErrors: true })
  const validators = new Map<string, ValidateFunction>()
  const validatorOf = ({ apiVersion, kind }: Manifest): ValidateFunction => {
    const name = `${apiVersion}/${kind}`
    assert.ok(kinds[name] !== undefined, `no schema of ${name}`)
    const validator = validators.get(name) ?? ajv.compile({ ...kinds[name], $defs })
    validators.set(name, validator)
    return validator
  }
  for (const object of objects) {
    assert.deepEqual(complaints(validatorOf(object), object), [], `${object.kind} ${object.metadata.name}`)
  }
  const [first] = objects
  assert.ok(first !== undefined)
  assert.notDeepEqual(complaints(validatorOf(first), { ...first, sepc: {} }), [], 'it finds a misspelled key')
})

test('the program takes every environment that the Kubernetes manifests give it, and no more gets in', () => {
  const shared = Object.assign({}, ...objects.map(({ data, stringData }) => ({ ...data, ...stringData })))
  const pods = objects.flatMap(({ spec }) => (spec?.template === undefined ? [] : [spec.template.spec]))
  assert.equal(pods.length, 4)
  for (const { containers, enableServiceLinks } of pods) {
    assert.equal(enableServiceLinks, false, 'a Service named enrollment would set ENROLLMENT_PORT and others')
    for (const { args, env = [] } of containers) {
      assert.ok(commands.has(args[0] ?? ''), args.join(' '))
      const own = Object.fromEntries(env.map(({ name, value }) => [name, value]))
      assert.doesNotThrow(() => readConfig({ ...(shared as Variables), ...own }), args.join(' '))
    }
  }
})

test('kustomization.yaml names the manifests that are there', () => {
  const { resources } = parse(readText('ops/kubernetes/kustomization.yaml')) as { resources: string[] }
  for (const name of resources) assert.ok(manifests.includes(`ops/kubernetes/${name}`), name)
})

test('the program takes every environment that the systemd units give it, and there is a file for each', () => {
  for (const name of units) {
    const text = readText(`ops/systemd/${name}`)
    const files = [...text.matchAll(/^EnvironmentFile=\/etc\/enrollment\/(.*)$/gm)].map(([, file = '']) =>
      assignments(readText(`ops/systemd/${file}`)),
    )
    assert.ok(files.length > 0, name)
    const own = assignments(text.replaceAll(/^(?!Environment=).*$/gm, '').replaceAll('Environment=', ''))
    assert.doesNotThrow(() => readConfig(Object.assign({}, own, ...files) as Variables), name)
    const [, command = ''] =
      /^ExecStart=\/usr\/bin\/node \/opt\/enrollment\/src\/cli\.ts (\w+)$/m.exec(text) ?? []
    assert.equal(name, `enrollment-${command}.service`)
    assert.ok(commands.has(command))
  }
  assert.doesNotThrow(() => readConfig(assignments(readText('ops/systemd/migrator.env'))))
})

test('every way to start the service gives what is young the room that the benchmark gives it', () => {
  const [flag] = nodeFlags
  for (const path of [...units.map((name) => `ops/systemd/${name}`), 'Dockerfile']) {
    assert.ok(readText(path).includes(`NODE_OPTIONS=${flag}`), path)
  }
  assert.match(readText('package.json'), new RegExp(`"start": "node ${flag} `))
})

function assignments(text: string): Variables {
  return Object.fromEntries([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]))
}

test("systemd's own tool finds nothing wrong with the units", (t) => {
  const folder = temporaryFolder(t)
  for (const name of units) {
    // The tool looks whether the program is there.
    const here = readText(`ops/systemd/${name}`).replace('/usr/bin/node', process.execPath)
    writeFileSync(join(folder, name), here)
  }
  const paths = units.map((name) => join(folder, name))
  const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', ...paths], { encoding: 'utf8' })
  if (error !== undefined) return t.skip('NOT RUN: systemd-analyze is not installed (Debian: systemd)')
  const ours = stderr.split('\n').filter((line) => line.includes('enrollment'))
  assert.deepEqual(ours, [])
  assert.equal(status, 0, stderr)
})

test('what the Dockerfile copies is enough to run the program', async (t) => {
  const text = readText('Dockerfile')
  const image = temporaryFolder(t)
  for (const [, sources = ''] of text
    .slice(text.lastIndexOf('\nFROM '))
    .matchAll(/^COPY (?!--)(.+) \S+$/gm)) {
    for (const source of sources.split(' ')) {
      cpSync(join(root, source), join(image, source), { recursive: true })
    }
  }
  symlinkSync(join(root, 'node_modules'), join(image, 'node_modules'))
  const run = (command: string) =>
    spawn(process.execPath, ['src/cli.ts', command], {
      cwd: image,
      env: { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing', ENROLLMENT_METRICS_ADDRESS: 'off' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  assert.match(await textUntil(run('--help'), /\n/), /^enrollment: a course enrollment engine/)
  // It gets as far as waiting for a database that is not there: all its parts were found.
  const server = run('server')
  t.after(() => server.kill('SIGKILL'))
  assert.match(await textUntil(server, /\n/), /waiting for PostgreSQL at 127\.0\.0\.1:1/)
})

/** What a process says on standard output until it has said this, or ends. */
async function textUntil({ stdout }: { readonly stdout: Readable }, said: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of stdout) {
    text += String(chunk)
    if (said.test(text)) break
  }
  return text
}

test('the image runs as an ordinary user, says whether it is well, and is built in stages', () => {
  const text = readText('Dockerfile')
  assert.equal(text.match(/^FROM node:24-/gm)?.length, 2)
  const last = text.slice(text.lastIndexOf('\nFROM '))
  assert.match(last, /^USER node$/m)
  assert.match(last, /^HEALTHCHECK /m)
  assert.ok(last.indexOf('USER') < last.indexOf('ENTRYPOINT'))
  const kept = readText('.dockerignore').split('\n')
  for (const [, sources = ''] of text.matchAll(/^COPY (?!--)(.+) \S+$/gm)) {
    for (const source of sources.split(' '))
      assert.ok(kept.includes(`!${source}`), `${source} is not in .dockerignore`)
  }
})
