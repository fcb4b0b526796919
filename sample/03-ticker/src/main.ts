import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

// The same file runs in every process: in this one it starts the services, in those that they spawn it serves them and goes no further.
const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
