import { IsEmail, IsString, Length } from 'class-validator';

export class SignupDto {
  @IsEmail()
  readonly email!: string;

  @IsString()
  @Length(1, 200)
  readonly name!: string;
}
