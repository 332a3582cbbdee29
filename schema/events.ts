import { type Static, Type } from 'typebox'
import { closed, groupStatus, whole } from './rest.ts'

/** Live seats: what `GET /events` is asked, and what its events carry. */

export const eventsQuery = closed({
  department: Type.Optional(whole('The seats of every group of this department.')),
  course_id: Type.Optional(
    Type.String({
      maxLength: 219,
      pattern: '^\\d{1,10}(,\\d{1,10}){0,19}$',
      description: 'The seats of every group of these courses: up to 20 numbers, separated by commas.',
    }),
  ),
  places: Type.Optional(Type.Enum(['own'], { description: 'The places of the student who asks.' })),
  last_event_id: Type.Optional(
    Type.String({
      maxLength: 40,
      description: 'The id of the last event that was read, for clients that cannot send `Last-Event-ID`.',
    }),
  ),
  ticket: Type.Optional(
    Type.String({ maxLength: 1024, description: 'From `POST /events/tickets`, instead of a token.' }),
  ),
})

export type EventsQuery = Static<typeof eventsQuery>

export const ticketReply = closed(
  {
    ticket: Type.String({ description: 'Opens one stream, for the caller that it was given to.' }),
    expires_in: Type.Integer({ description: 'Seconds within which it must be used.' }),
  },
  { description: 'A ticket.' },
)

const integer = Type.Integer()

const seats = closed({
  course_id: integer,
  group_id: integer,
  department: integer,
  capacity: Type.Integer({ description: 'Seats, extra ones included.' }),
  registered_count: integer,
  reserve_capacity: integer,
  reserved_count: integer,
  status: groupStatus,
})
export type SeatsOfGroup = Static<typeof seats>

const ownPlace = closed({
  course_id: integer,
  group_id: integer,
  place: Type.Unsafe<'registered' | 'reserved' | null>({
    type: ['string', 'null'],
    enum: ['registered', 'reserved', null],
    description: 'What is held in this course by now; null = nothing any more.',
  }),
  reserve_queue_position: Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    description: '0 = registered, 1 = first in the reserve queue, null = no place.',
  }),
  change: Type.Unsafe<'registered' | 'reserved' | 'promoted' | 'moved_up' | 'left' | 'time_changed' | null>({
    type: ['string', 'null'],
    enum: ['registered', 'reserved', 'promoted', 'moved_up', 'left', 'time_changed', null],
    description:
      'What happened last; null where the event tells how things stand, not what happened. `time_changed`: staff gave the group other hours or another exam, which `GET /student/course` has; it may stand in an event beside another change of the same place.',
  }),
  detail: Type.String({ description: 'The same in words, for the student.' }),
})
export type OwnPlace = Static<typeof ownPlace>

/** The data of both kinds of events. */
export const eventData = closed(
  {
    seats: Type.Array(seats, { description: 'Groups of the filter, as they stand now.' }),
    places: Type.Array(ownPlace, { description: 'Places of the caller, as they stand now.' }),
  },
  {
    description:
      'In a `resync` event everything that the filter covers: replace what you have. In a `changes` event what has changed since the event before.',
    examples: [
      {
        seats: [
          {
            course_id: 40103,
            group_id: 1,
            department: 40,
            capacity: 40,
            registered_count: 40,
            reserve_capacity: 10,
            reserved_count: 3,
            status: 'open',
          },
        ],
        places: [
          {
            course_id: 40103,
            group_id: 1,
            place: 'reserved',
            reserve_queue_position: 2,
            change: 'moved_up',
            detail: 'You are now 2nd in the queue for group 1 of course 40103.',
          },
        ],
      },
    ],
  },
)
