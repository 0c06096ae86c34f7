import { defineSettings } from '@edis/process';
import { memberSettings } from '@edis/shard';

export const settings = defineSettings({
  ...memberSettings(),
});
