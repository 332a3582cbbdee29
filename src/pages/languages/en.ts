/** Every text of the pages. Numbers and moments come in as they are written in this language. */
export const english = {
  code: 'en',
  name: 'English',
  locale: 'en-GB',
  direction: 'ltr' as 'ltr' | 'rtl',
  title: 'Course enrollment',
  skip: 'Skip to the content',
  language: 'Language',
  list: (parts: readonly string[]) => parts.join(', '),

  signIn: 'Sign in',
  user: 'Student number or code',
  password: 'Password',
  signingIn: 'Signing in…',
  wrongPassword: 'The number or the password is wrong.',
  tooManyLogins: (seconds: string) => `Too many failed attempts. Try again in ${seconds} s.`,
  noAnswer: 'The server does not answer now. Try again in a moment.',
  signOut: 'Sign out',
  signedOut: 'You have signed out.',
  sessionEnded: 'Your session has ended. Sign in again.',
  sessionEndedPending: 'Your session has ended. Sign in again: your last request is kept and sent again.',
  sessionEndsSoon: (time: string) => `Your session ends at ${time}. Sign out and in again to go on.`,
  student: (number: string) => `Student ${number}`,

  pages: 'Pages',
  week: 'My week',
  find: 'Find courses',
  loading: 'Loading…',

  opensIn: (time: string) => `Enrollment opens in ${time}`,
  openFor: (time: string) => `Enrollment is open for ${time} more`,
  closedSince: (moment: string) => `Your enrollment time ended on ${moment}`,
  from: (from: string, until: string) => `${from} to ${until}`,
  units: (held: string, max: string) => `${held} of ${max} units`,
  actions: (left: string) => `${left} drops or moves left`,
  live: 'Live',
  notLive: (seconds: string) => `Not live: as of ${seconds} ago. Connecting…`,
  duration: { d: 'd', h: 'h', min: 'min', s: 's' },

  noPlaces: 'You hold no place yet.',
  findSome: 'Find courses',
  timetable: 'Timetable',
  time: 'Time',
  places: 'Places',
  registered: 'Registered',
  queuedAt: (position: string) => `In the queue, place ${position}`,
  queued: 'queue',
  group: (number: string) => `Group ${number}`,
  courseUnits: (units: string) => `${units} units`,
  exam: (moment: string) => `Exam: ${moment}`,
  noExam: 'No exam',
  noMeetings: 'No fixed time',
  drop: 'Drop',
  leaveQueue: 'Leave the queue',
  otherGroups: 'Other groups',
  dropCosts: (actions: string) =>
    `This costs one of your ${actions} drops or moves, and your place goes to the next student.`,
  dropReally: 'Yes, drop it',
  keep: 'Keep it',

  search: 'Course, code, lecturer or number',
  department: 'Department',
  allDepartments: 'All departments',
  onlyFree: 'With free seats',
  onlyFitting: 'That I can take',
  found: (count: string) => `${count} groups found`,
  nothingFound: 'Nothing found. Try fewer words, or another department.',
  more: 'Show more',
  seatsFree: (free: string, all: string) => `${free} of ${all} seats free`,
  full: (all: string) => `All ${all} seats taken`,
  waiting: (count: string, all: string) => `${count} of ${all} reserve places taken`,
  noQueue: 'no reserve queue',
  fits: 'You can take it',
  add: 'Add',
  join: 'Join the queue',
  move: 'Move here',
  moveToQueue: 'Move to this queue',
  moveCosts: 'A move costs one drop or move.',
  tryAnyway: 'Try anyway',
  yours: 'This is your group.',
  forWomen: 'For women',
  forMen: 'For men',

  plan: 'Plan',
  toPlan: 'Put on my plan',
  onPlan: 'On your plan',
  offPlan: 'Take off my plan',
  planIs:
    'What you want when your enrollment time begins. It goes out as one request: all of it, or nothing.',
  arm: 'Send it at the opening',
  disarm: 'Do not send it',
  armed: 'It is armed: this page sends it once, when your enrollment time begins. Leave the page open.',
  sendPlan: 'Send the plan now',

  record: 'My record',
  recordIs: 'What was decided about you, newest first.',
  nothingDecided: 'Nothing was decided yet.',
  notRead: 'It cannot be read now.',
  accepted: 'Done',
  refusedShort: 'Refused',
  byStaff: 'by staff',
  deeds: {
    add: (course: string) => `Add ${course}`,
    move: (course: string) => `Move to ${course}`,
    drop: (course: string) => `Drop ${course}`,
    force_add: (course: string) => `Seat in ${course}`,
    force_drop: (course: string) => `Removal from ${course}`,
  } as Readonly<{ [deed: string]: (course: string) => string }>,
  otherDeed: 'A change of your record',

  messages: 'Messages',
  sending: 'Sending your request…',
  dismiss: 'Close this message',
  stopTrying: 'Stop trying',
  stopped: 'Stopped. Whether the last request was done is not known: look at your week.',
  again: {
    busy: 'Many students ask at this moment, and your request was not done yet.',
    unknown: 'It is not known yet whether your request was done.',
    away: 'The server does not answer now.',
    often: 'That was too fast for the server.',
  },
  againIn: (seconds: string) => `The same request goes out again in ${seconds} s. It is never done twice.`,
  done: {
    registered: (course: string) => `You have a seat in ${course}.`,
    reserved: (course: string, position: string) => `You are in the queue for ${course}, place ${position}.`,
    dropped: (course: string) => `You dropped ${course}.`,
  },
  refused: (course: string) => `This was refused: ${course}`,
  happened: {
    promoted: (course: string) => `You got the seat in ${course}.`,
    moved_up: (course: string, position: string) =>
      `You moved up in the queue for ${course}: place ${position}.`,
    left: (course: string) => `You hold no place in ${course} any more.`,
    time_changed: (course: string) => `The time or the exam of ${course} has changed.`,
    opened: 'Your enrollment time has begun.',
    closed: 'Your enrollment time has ended.',
  },
  reasons: {
    outside_enrollment_window: ({ from, until }) =>
      from === '' ? 'It is not your enrollment time.' : `Your enrollment time is from ${from} to ${until}.`,
    already_enrolled: () => 'You hold a place in this course already.',
    not_enrolled: () => 'You hold no place in this course.',
    no_change: () => 'Your place is in this group already.',
    course_cancelled: () => 'This group was cancelled.',
    course_closed: () => 'This group is closed.',
    gender_locked: ({ lock }) => (lock === 'female' ? 'This group is for women.' : 'This group is for men.'),
    unit_limit: ({ units, maxUnits }) =>
      units === ''
        ? 'It would take you over your unit limit.'
        : `You would have ${units} units, and may have ${maxUnits}.`,
    class_conflict: ({ other }) => `Its classes overlap with those of ${other}.`,
    exam_conflict: ({ other }) => `Its exam overlaps with that of ${other}.`,
    no_actions_left: () => 'You have no drops or moves left.',
    move_would_lose_seat: () => 'It has no free seat, and you would give up the seat that you hold.',
    course_full: () => 'Every seat and every reserve place is taken.',
    no_such_course: () => 'There is no such group any more.',
    no_such_student: () => 'Your student record is gone. Ask the registrar.',
    set_aside: () => 'Something on record must be corrected first. Ask the registrar.',
  } as Readonly<Record<string, (about: ReasonAbout) => string>>,
}

/** What a reason may name; empty where it is not known. */
export interface ReasonAbout {
  readonly other: string
  readonly from: string
  readonly until: string
  readonly lock: 'male' | 'female' | undefined
  readonly units: string
  readonly maxUnits: string
}

export type Language = typeof english
