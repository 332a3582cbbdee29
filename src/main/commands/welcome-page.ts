/** What the page tells about. */
export interface Welcome {
  readonly campus: string
  /** Where it serves: a URL, or a socket's path. */
  readonly address: string
  readonly isSample: boolean
  /** Where the embedded PostgreSQL keeps its data; undefined when it is not used. */
  readonly dataFolder: string | undefined
}

/** The session that a newcomer may type: as it stands, in another terminal. Works on the sample campus. */
function firstSession(curl: string, base: string): readonly string[] {
  const withToken = `-H "Authorization: Bearer $TOKEN"`
  const prefer = `-H 'Prefer: return=representation'`
  return [
    `TOKEN=$(${curl} ${base}/login -d '{"user":1,"password":"student-1"}' | cut -d '"' -f 4)`,
    `${curl} '${base}/student/courses?department=3' ${withToken} | cut -c 1-400`,
    `${curl} -X PUT ${base}/student/course ${withToken} ${prefer} -d '{"course_id":3101,"group_id":1}'`,
    `${curl} ${base}/student/course ${withToken}`,
  ]
}

/** What stands in the terminal at the end of a start: where things are, and what to try first. A line each. */
export function welcomePage({ campus, address, isSample, dataFolder }: Welcome): readonly string[] {
  const isSocket = address.startsWith('/')
  const base = isSocket ? 'http://localhost' : address
  const curl = isSocket ? `curl -sw '\\n' --unix-socket ${address}` : "curl -sw '\\n'"
  const places = [
    ['address', address],
    ['every request', isSocket ? 'GET /docs' : `${address}/docs   (open it in a browser)`],
    ...(dataFolder === undefined ? [] : [['data', `${dataFolder}   (kept when you stop)`]]),
  ]
  return [
    '',
    `Enrollment is open: ${isSample ? 'the sample campus' : `campus ${campus}`}.`,
    '',
    ...places.map(([what = '', where = '']) => `  ${what.padEnd(15)}${where}`),
    '',
    ...(isSample ? sampleCampus(firstSession(curl, base)) : ownCampus),
    'All commands and settings: node src/cli.ts --help',
    'Stop with Ctrl-C.',
    ...(isSocket
      ? []
      : [`Open ${address}/ in a browser${isSample ? ' and sign in as student 1 with student-1' : ''}.`]),
  ]
}

function sampleCampus(session: readonly string[]): readonly string[] {
  return [
    'It has 60 departments, 1,500 course groups and 1,000 students. Who can log in, and with which password:',
    '',
    '  students 1 to 1000     student-1 to student-1000',
    '  staff 1 to 60          staff-1 to staff-60       (one for each department)',
    '',
    'In another terminal, be student 1: log in, look at the courses of department 3, take a seat, see what you hold.',
    '',
    ...session.map((line) => `  ${line}`),
    '',
    'Take the same seat once more, and the answer is 409 with the reason.',
    'Your own campus instead: ENROLLMENT_DATA=my-campus npm start -- --empty   (it says how to load it)',
  ]
}

const ownCampus = ['Students and staff log in with what was loaded: POST /login.']
