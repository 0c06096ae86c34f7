export type { MemberConfig } from './member-config.ts';
export { memberSettings } from './member-settings.ts';
export { startMember } from './start-member.ts';
