import type { Bytes, Outcome, Position, Result, Topology } from '@edis/core';
import { limits } from '@edis/core';
import { busyCauses, invalidCauses, known } from './enum-names.ts';
import { malformed } from './message-codec.ts';
import { MetadataReader } from './metadata-codec.ts';
import { readPosition } from './position-codec.ts';
import type { ProtobufReader } from './protobuf-reader.ts';
import type { RefusalOutcome } from './result-writer.ts';
import { outcomeTags } from './result-writer.ts';
import type { TopologyMemory } from './topology-memory.ts';

/** Reads one Result; numbers of the outcome's own fields are collected under their field numbers. */
export class ResultReader {
  readonly #reader: ProtobufReader;
  readonly #topologies: TopologyMemory;
  readonly #metadata = new MetadataReader();
  #first = 0;
  #second = 0;
  #third = 0;
  #text = '';
  #withinAtomic = false;

  constructor(reader: ProtobufReader, topologies: TopologyMemory) {
    this.#reader = reader;
    this.#topologies = topologies;
  }

  read(): Result {
    const reader = this.#reader;
    const outer = reader.enter();
    let request = 0;
    let outcome: Outcome | undefined;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) request = reader.uint32();
      else if ((tag & 7) === 2 && tag >= 0x12 && tag <= 0x9a) outcome = this.#readOutcome(tag);
      else reader.skip(tag);
    }
    reader.leave(outer);
    if (outcome === undefined) throw malformed(`the result of request ${request} has no outcome`);
    return { request, outcome };
  }

  #readOutcome(tag: number): Outcome {
    switch (tag) {
      case outcomeTags.put:
        this.#readNumbers();
        return { kind: 'put', version: this.#first, position: this.#second };
      case outcomeTags.found:
        return this.#readFound();
      case outcomeTags['not-found']:
        this.#readNumbers();
        return { kind: 'not-found', position: this.#first };
      case outcomeTags.deleted:
        this.#readNumbers();
        return { kind: 'deleted', existed: this.#first !== 0, version: this.#third, position: this.#second };
      case outcomeTags['condition-failed']:
        this.#readNumbers();
        return { kind: 'condition-failed', version: this.#first, position: this.#second };
      default:
        return this.#readRareOutcome(tag);
    }
  }

  #readRareOutcome(tag: number): Outcome {
    switch (tag) {
      case outcomeTags.incremented:
        return this.#readIncremented();
      case outcomeTags.atomic:
        return this.#readAtomic();
      case outcomeTags.appended:
        this.#readNumbers();
        return { kind: 'appended', length: this.#first, version: this.#second, position: this.#third };
      case outcomeTags.expiring:
        this.#readNumbers();
        return { kind: 'expiring', expiresAtMs: this.#first, version: this.#second, position: this.#third };
      case outcomeTags['not-done']:
        this.#readNumbers();
        return { kind: 'not-done' };
      default:
        return this.readRefusal(tag);
    }
  }

  /** One of the outcomes that change nothing, by its tag in a Result. */
  readRefusal(tag: number): RefusalOutcome {
    switch (tag) {
      case outcomeTags['wrong-shard']:
        return this.#readWrongShard();
      case outcomeTags['too-stale']:
        return this.#readTooStale();
      case outcomeTags['not-primary']:
        this.#readNumbers();
        return { kind: 'not-primary', epoch: this.#first };
      case outcomeTags.busy:
        this.#readNumbers();
        return { kind: 'busy', cause: known(busyCauses, this.#first, 'BusyCause'), retryAfterMs: this.#second };
      case outcomeTags.invalid:
        this.#readNumbers();
        return { kind: 'invalid', cause: known(invalidCauses, this.#first, 'InvalidCause'), message: this.#text };
      case outcomeTags['too-old']:
        this.#readNumbers();
        return { kind: 'too-old', windowMs: this.#first };
      case outcomeTags['no-quorum']:
        this.#readNumbers();
        return { kind: 'no-quorum', members: this.#first, needed: this.#second };
      case outcomeTags.unavailable:
        this.#readNumbers();
        return { kind: 'unavailable', message: this.#text };
      default:
        throw malformed(`outcome with tag ${tag}`);
    }
  }

  /** A message of up to three varint fields and one text. */
  #readNumbers(): void {
    const reader = this.#reader;
    const outer = reader.enter();
    this.#first = 0;
    this.#second = 0;
    this.#third = 0;
    this.#text = '';
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) this.#first = reader.varint();
      else if (tag === 0x10) this.#second = reader.varint();
      else if (tag === 0x18) this.#third = reader.varint();
      else if (tag === 0x0a || tag === 0x12) this.#text = reader.utf8();
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #readFound(): Outcome {
    const reader = this.#reader;
    const outer = reader.enter();
    let value: Bytes = '';
    let version = 0;
    let expiresAtMs = 0;
    let position = 0;
    this.#metadata.reset();
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) value = reader.bytes();
      else if (tag === 0x12) this.#metadata.readEntry(reader);
      else if (tag === 0x18) version = reader.varint();
      else if (tag === 0x20) expiresAtMs = reader.varint();
      else if (tag === 0x28) position = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'found', value, metadata: this.#metadata.value, version, expiresAtMs, position };
  }

  #readIncremented(): Outcome {
    const reader = this.#reader;
    const outer = reader.enter();
    let value = 0n;
    let version = 0;
    let position = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) value = reader.sint64();
      else if (tag === 0x10) version = reader.varint();
      else if (tag === 0x18) position = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'incremented', value, version, position };
  }

  #readAtomic(): Outcome {
    const reader = this.#reader;
    if (this.#withinAtomic) throw malformed('a batch within a batch');
    const outer = reader.enter();
    let applied = false;
    let position = 0;
    const outcomes: Outcome[] = [];
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x08) applied = reader.bool();
      else if (tag === 0x18) position = reader.varint();
      else if (tag === 0x12) {
        const { request, outcome } = this.#readWithinAtomic();
        if (request !== outcomes.length) throw malformed(`result ${outcomes.length} of a batch has number ${request}`);
        if (request === limits.maxAtomicOperations) throw malformed(`more than ${request} results of one batch`);
        outcomes.push(outcome);
      } else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'atomic', applied, outcomes, position };
  }

  #readWithinAtomic(): Result {
    this.#withinAtomic = true;
    try {
      return this.read();
    } finally {
      this.#withinAtomic = false;
    }
  }

  #readWrongShard(): RefusalOutcome {
    const reader = this.#reader;
    const outer = reader.enter();
    let topology: Topology | undefined;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) topology = this.#topologies.decode(reader.bytes());
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'wrong-shard', topology };
  }

  #readTooStale(): RefusalOutcome {
    const reader = this.#reader;
    const outer = reader.enter();
    let applied: Position = { epoch: 0, position: 0 };
    let stalenessMs = 0;
    while (reader.position < reader.limit) {
      const tag = reader.tag();
      if (tag === 0x0a) applied = readPosition(reader);
      else if (tag === 0x10) stalenessMs = reader.varint();
      else reader.skip(tag);
    }
    reader.leave(outer);
    return { kind: 'too-stale', applied, stalenessMs };
  }
}
