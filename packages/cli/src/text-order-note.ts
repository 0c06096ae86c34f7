/**
 * Says so when a range with numbers for bounds meets a field that is ordered as text, where 9 is above 18: that is
 * seldom what was meant, but it may be, as with years or postcodes.
 */
import type { Client, FieldCondition, SearchQuery } from '@edis/client';
import { indexKindOf, isNumberText } from '@edis/core';
import type { CommandContext } from './command.ts';
import { printableLine } from './printable.ts';

export function noteTextOrder(query: SearchQuery, client: Client, { output, settings }: CommandContext): void {
  const keyspace = client.topology().keyspaces.find(({ name }) => name === client.name);
  // Programs read stderr, too, and know what they ask for.
  if (keyspace === undefined || settings.json) return;
  for (const [field, condition] of Object.entries(query)) {
    if (!hasNumberBound(condition) || indexKindOf(keyspace.settings, field) !== 'text') continue;
    const name = printableLine(field);
    output.note(
      `edis: ${name} is ordered as text in keyspace ${keyspace.name}, where 9 is above 18; a keyspace that is ` +
        `created with --index ${name}:number compares numbers`,
    );
  }
}

function hasNumberBound(condition: FieldCondition): boolean {
  if (typeof condition === 'string' || 'equals' in condition || 'prefix' in condition) return false;
  return Object.values(condition).some((bound) => isNumberText(String(bound)));
}
