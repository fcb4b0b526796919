import { Global, Module } from '@nestjs/common';
import { Settings } from './settings.js';

@Global()
@Module({
  providers: [{ provide: Settings, useFactory: () => Settings.read(process.argv.slice(2), process.env) }],
  exports: [Settings],
})
export class SettingsModule {}
