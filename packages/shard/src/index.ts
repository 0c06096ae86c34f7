export type { MemberSurroundings } from './member.ts';
export { Member } from './member.ts';
export type { MemberConfig } from './member-config.ts';
export { memberSettings } from './member-settings.ts';
export { startMember } from './start-member.ts';
