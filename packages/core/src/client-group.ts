// SPDX-License-Identifier: Apache-2.0
//
// Several brokers behind one interface. Each member is a whole client of its own, with its own session; there is no failover
// between members (a failover list inside a member is that member's).

import type { Payload, WaitOptions } from './api/common.ts';
import type { GroupMember, GroupMessage, GroupOptions, GroupPublishResult } from './api/group.ts';
import type { DisconnectOptions } from './api/options.ts';
import type { PublishOptions, PublishResult } from './api/publish.ts';
import type { PubSub } from './api/pubsub.ts';
import type {
  CallbackOptions,
  Filters,
  MessageHandler,
  SubscribeOptions,
  Subscription,
  SubscriptionHandle,
} from './api/receive.ts';
import { onAbort } from './abort.ts';
import { Client } from './client.ts';
import { type AnyMqttError, GroupError, isMqttError, joinErrors, mqttError } from './errors.ts';
import type { Part } from './group-loop.ts';
import { GroupHandle, GroupSubscription, inTurns } from './group-subscription.ts';
import { invalidOption } from './options/check.ts';
import { resolveDisconnectOptions } from './options/disconnect-options.ts';
import { type ResolvedGroupOptions, resolveGroupMembers, resolveGroupOptions } from './options/group-options.ts';
import { resolvePublish } from './options/publish-options.ts';
import { checkHandler } from './options/subscribe-options.ts';
import { resolveWaitOptions } from './options/wait-options.ts';
import { byTopic, Turns } from './turns.ts';

/** The clients' collaborators, for tests in virtual time. */
type Environment = ConstructorParameters<typeof Client>[1];

interface Member {
  readonly name: string;
  readonly client: Client;
  /** Its `connect()` may never give a verdict. */
  readonly isEndless: boolean;
}

/**
 * Publishes to, and receives from, several brokers. Member options apply after `shared` and win; names default to `member-1`,
 * `member-2`, …. A group is used once: after `disconnect()` it stays closed.
 *
 * @example
 * ```ts
 * const group = new ClientGroup([{ brokers: 'mqtt://plant-a' }, { brokers: 'mqtt://plant-b' }], { success: 'any' });
 * await group.connect();
 * await group.publish('alarms', 'fire', { qos: 1 });
 * await group.disconnect();
 * ```
 */
export class ClientGroup implements PubSub<readonly GroupPublishResult[], GroupMessage>, AsyncDisposable {
  readonly #members: readonly Member[];
  readonly #options: ResolvedGroupOptions;
  readonly #handles = new Set<GroupHandle | GroupSubscription>();
  readonly #turns = new Turns();
  #closed = false;

  /** @throws MqttError `INVALID_OPTION` (no member, a name or a store twice, an unknown key), and what the constructor of `Client` throws */
  constructor(members: readonly GroupMember[], options?: GroupOptions);
  /** @internal */
  constructor(members: readonly GroupMember[], options: GroupOptions | undefined, environment: Environment | undefined);
  constructor(members: readonly GroupMember[], options?: GroupOptions, environment?: Environment) {
    const named = resolveGroupMembers(members);
    this.#options = resolveGroupOptions(options, named);
    const stores = new Set<unknown>();
    this.#members = named.map(({ name, brokers, options: own }) => {
      const merged = { ...this.#options.shared, ...present(own), brokers };
      // Two sessions in one store would overwrite each other's records.
      if (merged.store !== undefined && stores.has(merged.store))
        throw invalidOption(`"${name}" has the store of another member: each has a session of its own`);
      stores.add(merged.store);
      return { name, client: new Client(merged, environment), isEndless: merged.retryInitialConnect === true };
    });
  }

  /** In the order in which they were given. */
  get members(): readonly { readonly name: string; readonly client: Client }[] {
    return this.#members;
  }

  /** The client of that name; undefined when there is none. */
  member(name: string): Client | undefined {
    return this.#members.find((member) => member.name === name)?.client;
  }

  /**
   * Connects every member; when one fails, those that had succeeded are disconnected again, and the group may be connected anew.
   * What was declared stays for then.
   * A member with `retryInitialConnect`, which goes on trying, is given up once another has failed.
   *
   * @param options - `signal` ends the handshakes.
   * @throws the failed member's error, with those of all that failed in `errors`; MqttError `CLOSED` after `disconnect()`
   */
  async connect(options?: WaitOptions): Promise<void> {
    const signal = resolveWaitOptions(options);
    this.#assertOpen();
    await this.#wholeOrNothing(
      signal,
      ({ client, isEndless }, over) => client.connect({ signal: isEndless ? over : signal }),
      (_info, member) => this.#undoConnect(member),
    );
  }

  /**
   * Disconnects every member. The group stays closed.
   *
   * @throws MqttError `INVALID_OPTION`, `FIELD_TOO_LONG` and the reason of a signal that has aborted before: nothing has happened
   * then; what a member's `disconnect` throws, once every member was told to
   */
  async disconnect(options?: DisconnectOptions): Promise<void> {
    // What a member alone would refuse, an expiry where its CONNECT said 0, is that member's.
    resolveDisconnectOptions(options, ANY_EXPIRY).signal?.throwIfAborted();
    this.#closed = true;
    this.#handles.clear();
    await this.#onEach(({ client }) => client.disconnect(options));
  }

  /**
   * Publishes by the group's policy and resolves with one result for each member that was asked, in the order of the members.
   *
   * Under "broadcast" it waits for all of them, whatever `success` asks for, so that every result is there. A member that is
   * reconnecting holds a QoS 1 or 2 message until it is back: where that is too long, give members `offlinePublish: 'reject'`, or
   * the call a `signal`. Round robin and hash send once, and move on to the next member only when the chosen one could not send
   * it at all; a member that is not connected is asked last.
   *
   * @throws GroupError `GROUP_FAILED` when fewer succeed than `success` asks for; the argument errors of `Client.publish`;
   * MqttError `CLOSED`
   */
  async publish(topic: string, payload: Payload, options?: PublishOptions): Promise<readonly GroupPublishResult[]> {
    this.#assertOpen();
    resolvePublish(topic, payload, options);
    options?.signal?.throwIfAborted();
    if (this.#options.publishPolicy !== 'broadcast') {
      // The caller's bytes may have changed by the time another member is asked.
      const own = payload instanceof Uint8Array ? new Uint8Array(payload) : payload;
      return this.#publishToOne(topic, own, options);
    }
    const results = await Promise.all(
      this.#members.map((member) => outcomeOf(member, member.client.publish(topic, payload, options))),
    );
    const needed = this.#options.needed;
    const succeeded = results.filter((result) => result.error === undefined).length;
    if (succeeded >= needed) return results;
    throw new GroupError(
      `${succeeded} of ${results.length} members published to ${topic}, ${needed} were needed`,
      results,
    );
  }

  /**
   * Subscribes on every member and merges what they deliver; an acknowledgement goes back to the member that delivered. The stream
   * ends when the last member's has ended.
   *
   * @throws the failed member's error; the members that had succeeded are unsubscribed again, and so is one that succeeds later
   */
  async subscribe(filters: Filters, options?: SubscribeOptions): Promise<Subscription<GroupMessage>> {
    this.#assertOpen();
    const parts = await this.#wholeOrNothing(
      resolveWaitOptions({ signal: options?.signal }),
      ({ client }, signal) => client.subscribe(filters, { ...options, signal }),
      (subscription) => subscription.unsubscribe(),
    );
    return this.#merge(this.#named(parts), options);
  }

  /** `subscribe` with a handler; `concurrency` counts over all members. @throws as `subscribe` does */
  async subscribeCallback(
    filters: Filters,
    handler: MessageHandler<GroupMessage>,
    options?: CallbackOptions,
  ): Promise<SubscriptionHandle> {
    this.#assertOpen();
    const turns = inTurns(checkHandler(handler), options?.concurrency);
    const parts = await this.#wholeOrNothing(
      resolveWaitOptions({ signal: options?.signal }),
      ({ name, client }, signal) =>
        withHandler((callback) => client.subscribeCallback(filters, callback, { ...options, signal }), turns, name),
      (handle) => handle.unsubscribe(),
    );
    return this.#keep(new GroupHandle(this.#named(parts)));
  }

  /**
   * Registers on every member at once, also before `connect()`; see `Client.declare`. `ready()` waits for every member.
   *
   * @throws MqttError `CLOSED` after `disconnect()`, and what `Client.declare` throws; nothing is registered then
   */
  declare(filters: Filters, options: CallbackOptions & { handler: MessageHandler<GroupMessage> }): SubscriptionHandle;
  declare(filters: Filters, options?: SubscribeOptions): Subscription<GroupMessage>;
  declare(
    filters: Filters,
    options?: CallbackOptions & { handler?: MessageHandler<GroupMessage> },
  ): SubscriptionHandle {
    this.#assertOpen();
    const handler = options?.handler;
    if (handler === undefined) {
      return this.#merge(
        this.#allOrNone(({ client }) => client.declare(filters, options)),
        options,
      );
    }
    const turns = inTurns(checkHandler(handler), options?.concurrency);
    return this.#keep(
      new GroupHandle(
        this.#allOrNone(({ name, client }) => {
          const handle: SubscriptionHandle = client.declare(filters, {
            ...options,
            handler: (message) => turns(message, name, () => handle.closed),
          });
          return handle;
        }),
      ),
    );
  }

  /** Ends every subscription that was made through the group. */
  async unsubscribeAll(options?: WaitOptions): Promise<void> {
    const handles = [...this.#handles];
    this.#handles.clear();
    await Promise.all(handles.map((handle) => handle.unsubscribe(options)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  async #publishToOne(
    topic: string,
    payload: Payload,
    options: PublishOptions | undefined,
  ): Promise<readonly GroupPublishResult[]> {
    const failed: GroupPublishResult[] = [];
    for (const member of this.#inTurn(topic)) {
      const result = await outcomeOf(member, member.client.publish(topic, payload, options));
      if (result.error === undefined) return [result];
      failed.push(result);
      if (result.error.delivery !== 'notSent' || result.error.code === 'MESSAGE_EXPIRED') break;
    }
    throw new GroupError(`No member published to ${topic}`, failed);
  }

  /** The member that is due first, then the others; those that are connected before those that are not. */
  #inTurn(topic: string): readonly Member[] {
    const hashed = this.#options.publishPolicy === 'hashByTopic';
    const order = hashed ? byTopic(this.#members, topic) : this.#turns.next(this.#members);
    return [...order.filter(({ client }) => client.connected), ...order.filter(({ client }) => !client.connected)];
  }

  async #undoConnect({ name, client }: Member): Promise<void> {
    const declared = [...this.#handles].map((handle) => handle.outlives(name));
    await client.disconnect();
    if (!this.#closed) for (const again of declared) again();
  }

  #merge(parts: readonly Part<Subscription>[], options: SubscribeOptions | undefined): GroupSubscription {
    return this.#keep(new GroupSubscription(parts, options?.ack ?? 'auto'));
  }

  /** One for each member, in their order. */
  #named<H extends SubscriptionHandle>(handles: readonly H[]): readonly Part<H>[] {
    return handles.map((handle, index) => ({ member: this.#members[index]?.name ?? '', handle }));
  }

  #keep<H extends GroupHandle | GroupSubscription>(handle: H): H {
    this.#handles.add(handle);
    handle.whenEnded(() => this.#handles.delete(handle));
    return handle;
  }

  /** `over` is aborted with the caller's signal, and once a member has failed: what the others wait for is in vain then. */
  async #wholeOrNothing<T>(
    signal: AbortSignal | undefined,
    act: (member: Member, over: AbortSignal) => Promise<T>,
    undo: (done: T, member: Member) => Promise<unknown>,
  ): Promise<readonly T[]> {
    const done: { readonly value: T; readonly member: Member }[] = [];
    const failures: unknown[] = [];
    const over = new AbortController();
    const forget = onAbort(signal, (reason) => over.abort(reason));
    await this.#onEach(async (member) => {
      // One after the other, the rest is not begun once one has failed; at once, all have begun before one can fail.
      if (failures.length > 0) return;
      try {
        this.#assertOpen();
        done.push({ value: await act(member, over.signal), member });
      } catch (error) {
        if (over.signal.aborted && error === IN_VAIN) return;
        failures.push(error);
        over.abort(IN_VAIN);
      }
    });
    forget();
    if (failures.length > 0) {
      await Promise.allSettled(done.map(({ value, member }) => undo(value, member)));
      throw joined(failures);
    }
    const order = (member: Member): number => this.#members.indexOf(member);
    return done.toSorted((a, b) => order(a.member) - order(b.member)).map(({ value }) => value);
  }

  /** What one member throws ends those that were made before it. */
  #allOrNone<H extends SubscriptionHandle>(make: (member: Member) => H): readonly Part<H>[] {
    const made: Part<H>[] = [];
    try {
      for (const member of this.#members) {
        const again = (): H => make(member);
        made.push({ member: member.name, handle: again(), again });
      }
      return made;
    } catch (error) {
      for (const { handle } of made) handle.unsubscribe().catch(() => undefined); // the caller hears of the cause
      throw error;
    }
  }

  /** Every member, whatever the others do; then the first failure is thrown. */
  async #onEach(act: (member: Member) => Promise<unknown>): Promise<void> {
    const outcomes: PromiseSettledResult<unknown>[] = [];
    if (this.#options.sequentialLifecycle) {
      for (const member of this.#members) outcomes.push(...(await Promise.allSettled([act(member)])));
    } else outcomes.push(...(await Promise.allSettled(this.#members.map(act))));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  #assertOpen(): void {
    if (this.#closed) throw mqttError('CLOSED', 'The group is closed; a group is used once');
  }
}

/** The options that are there: undefined means absent, and must not hide what is shared. */
function present(options: GroupMember['options'] = {}): NonNullable<GroupMember['options']> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

const ANY_EXPIRY = 1;

/** Why the rest of a group stops to wait when one member has failed. Nobody sees it. */
const IN_VAIN = new Error('another member of the group has failed');

/** The last failure, with all of them; a signal's reason is passed on as it is. */
function joined(failures: readonly unknown[]): unknown {
  const ours = failures.filter((failure): failure is AnyMqttError => isMqttError(failure));
  if (ours.length < failures.length) return failures.find((failure) => !isMqttError(failure));
  // A member with a failover list has an error for each of its brokers.
  return joinErrors(ours.flatMap((error) => error.errors ?? [error]));
}

/** A member's share in a group's handler. It may be called before the handle it asks is there. */
async function withHandler(
  subscribe: (callback: MessageHandler) => Promise<SubscriptionHandle>,
  turns: ReturnType<typeof inTurns>,
  name: string,
): Promise<SubscriptionHandle> {
  const own: { handle?: SubscriptionHandle } = {};
  own.handle = await subscribe((message) => turns(message, name, () => own.handle?.closed === true));
  return own.handle;
}

/** Anything that is not ours is the caller's signal: it ends the whole call. */
async function outcomeOf({ name }: Member, publish: Promise<PublishResult>): Promise<GroupPublishResult> {
  try {
    return { member: name, result: await publish };
  } catch (error) {
    if (!isMqttError(error)) throw error;
    return { member: name, error };
  }
}
