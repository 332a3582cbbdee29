/**
 * What the columns of students and courses may hold. One source for the files that `enrollment load` reads, the bodies
 * of the REST API and the journal's messages: what one takes, the others take.
 */
export const int16Max = 32_767
export const int32Max = 2_147_483_647
/** The greatest number of a student or a staff member: what JSON carries exactly. */
export const personIdMax = Number.MAX_SAFE_INTEGER
/** Characters of names of courses, departments and lecturers. */
export const nameLengthMax = 200
export const notesLengthMax = 2000
/** Characters of a student's, a staff member's or a course's code. */
export const codeLengthMax = 64
/** Characters of a new password. */
export const passwordLengthMax = 128
/** Heavier hashes would let a handful of logins stop the server. */
export const argonMemoryKiBMax = 262_144
export const argonPassesMax = 16
export const bcryptCostMax = 14
export const minutesPerDay = 1440
/** Weekly meetings of one group. */
export const meetingsMax = 50
/** Unix time 0 in the column means that there is no exam. */
export const examStartMsMin = 1000
/** The last moment that the tables give back as it was put in: the first of 9999-12-31. */
export const calendarEndMs = 253_402_214_400_000
/** No NUL and no lone surrogates: PostgreSQL stores neither. */
export const storable = '^[^\\u0000\\uD800-\\uDFFF]*$'
