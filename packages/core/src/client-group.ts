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
import { Client } from './client.ts';
import { type AnyMqttError, GroupError, isMqttError, joinErrors, mqttError } from './errors.ts';
import { fnv1a } from './fnv1a.ts';
import { GroupHandle, GroupSubscription, inTurns } from './group-subscription.ts';
import { type ResolvedGroupOptions, resolveGroupMembers, resolveGroupOptions } from './options/group-options.ts';
import { resolvePublish } from './options/publish-options.ts';

/** The clients' collaborators, for tests in virtual time. */
type Environment = ConstructorParameters<typeof Client>[1];

interface Member {
  readonly name: string;
  readonly client: Client;
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
  readonly #handles = new Set<GroupHandle>();
  #next = 0;
  #closed = false;

  /** @throws MqttError `INVALID_OPTION` (no member, a name twice, an unknown key), and what the constructor of `Client` throws */
  constructor(members: readonly GroupMember[], options?: GroupOptions);
  /** @internal */
  constructor(members: readonly GroupMember[], options: GroupOptions | undefined, environment: Environment | undefined);
  constructor(members: readonly GroupMember[], options?: GroupOptions, environment?: Environment) {
    this.#options = resolveGroupOptions(options, members);
    this.#members = resolveGroupMembers(members).map(({ name, brokers, options: own }) => ({
      name,
      client: new Client({ ...this.#options.shared, ...own, brokers }, environment),
    }));
  }

  get members(): readonly { readonly name: string; readonly client: Client }[] {
    return this.#members;
  }

  member(name: string): Client | undefined {
    return this.#members.find((member) => member.name === name)?.client;
  }

  /**
   * Connects every member; when one fails, those that had succeeded are disconnected again.
   *
   * @throws the failed member's error, with those of all that failed in `errors`; MqttError `CLOSED` after `disconnect()`
   */
  async connect(options?: WaitOptions): Promise<void> {
    this.#assertOpen();
    await this.#wholeOrNothing(
      ({ client }) => client.connect(options),
      (_info, { client }) => client.disconnect(),
    );
  }

  /** Disconnects every member. The group stays closed. */
  async disconnect(options?: DisconnectOptions): Promise<void> {
    this.#closed = true;
    this.#handles.clear();
    await this.#forEach(({ client }) => client.disconnect(options));
  }

  /**
   * Publishes by the group's policy and resolves with one result for each member that was asked, in the order of the members.
   * Under "broadcast" it waits for all of them, so that every result is there. Round robin and hash send once, and move on to
   * the next member only when the chosen one could not send it at all.
   *
   * @throws GroupError `GROUP_FAILED` when fewer succeed than `success` asks for; the argument errors of `Client.publish`;
   * MqttError `CLOSED`
   */
  async publish(topic: string, payload: Payload, options?: PublishOptions): Promise<readonly GroupPublishResult[]> {
    this.#assertOpen();
    resolvePublish(topic, payload, options);
    options?.signal?.throwIfAborted();
    if (this.#options.publishPolicy !== 'broadcast') return this.#publishToOne(topic, payload, options);
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
   * Subscribes on every member and merges what they deliver; an acknowledgement goes back to the member that delivered.
   *
   * @throws the failed member's error; the members that had succeeded are unsubscribed again
   */
  async subscribe(filters: Filters, options?: SubscribeOptions): Promise<Subscription<GroupMessage>> {
    this.#assertOpen();
    const parts = await this.#wholeOrNothing(
      ({ client }) => client.subscribe(filters, options),
      (subscription) => subscription.unsubscribe(),
    );
    return this.#merge(parts, options);
  }

  /** `subscribe` with a handler; `concurrency` counts over all members. */
  async subscribeCallback(
    filters: Filters,
    handler: MessageHandler<GroupMessage>,
    options?: CallbackOptions,
  ): Promise<SubscriptionHandle> {
    this.#assertOpen();
    const turns = inTurns(handler, options?.concurrency);
    const parts = await this.#wholeOrNothing(
      ({ name, client }) => client.subscribeCallback(filters, (message) => turns(message, name), options),
      (handle) => handle.unsubscribe(),
    );
    return this.#keep(new GroupHandle(parts));
  }

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
        this.#members.map(({ client }) => client.declare(filters, options)),
        options,
      );
    }
    const turns = inTurns(handler, options?.concurrency);
    return this.#keep(
      new GroupHandle(
        this.#members.map(({ name, client }) =>
          client.declare(filters, { ...options, handler: (message) => turns(message, name) }),
        ),
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
      if (result.error.delivery !== 'notSent') break;
    }
    throw new GroupError(`No member published to ${topic}`, failed);
  }

  /** The member that is due first, then the others; those that are connected before those that are not. */
  #inTurn(topic: string): readonly Member[] {
    const members = this.#members;
    const hashed = this.#options.publishPolicy === 'hashByTopic';
    const first = hashed ? fnv1a(topic) % members.length : this.#next;
    if (!hashed) this.#next = (this.#next + 1) % members.length;
    const order = [...members.slice(first), ...members.slice(0, first)];
    return [...order.filter(({ client }) => client.connected), ...order.filter(({ client }) => !client.connected)];
  }

  #merge(parts: readonly Subscription[], options: SubscribeOptions | undefined): GroupSubscription {
    const named = parts.map((subscription, index) => ({ subscription, member: this.#members[index]?.name ?? '' }));
    const ack = options?.ack ?? 'auto';
    return this.#keep(new GroupSubscription(named, ack));
  }

  #keep<H extends GroupHandle>(handle: H): H {
    this.#handles.add(handle);
    handle.whenEnded(() => this.#handles.delete(handle));
    return handle;
  }

  async #wholeOrNothing<T>(
    act: (member: Member) => Promise<T>,
    undo: (done: T, member: Member) => Promise<unknown>,
  ): Promise<readonly T[]> {
    const done: { value: T; member: Member }[] = [];
    const failures: unknown[] = [];
    await this.#forEach(async (member) => {
      // One after the other means that the rest is not begun once one has failed.
      if (failures.length > 0 && this.#options.sequentialLifecycle) return;
      try {
        done.push({ value: await act(member), member });
      } catch (error) {
        failures.push(error);
      }
    });
    if (failures.length === 0)
      return done
        .sort((a, b) => this.#members.indexOf(a.member) - this.#members.indexOf(b.member))
        .map(({ value }) => value);
    await Promise.allSettled(done.map(({ value, member }) => undo(value, member)));
    const ours = failures.filter((failure): failure is AnyMqttError => isMqttError(failure));
    // A signal's reason is passed on as it is.
    throw ours.length === failures.length ? joinErrors(ours) : failures.find((failure) => !isMqttError(failure));
  }

  async #forEach(act: (member: Member) => Promise<unknown>): Promise<void> {
    if (!this.#options.sequentialLifecycle) {
      await Promise.all(this.#members.map(act));
      return;
    }
    for (const member of this.#members) await act(member);
  }

  #assertOpen(): void {
    if (this.#closed) throw mqttError('CLOSED', 'The group is closed; a group is used once');
  }
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
